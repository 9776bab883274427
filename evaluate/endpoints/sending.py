"""Sends calls to an endpoint and passes the replies on as they arrive.

`send_calls` is the only function that sends, and only to the address of the endpoint. It reads the key from the
environment when it starts; the key appears in no error, warning, log line or reply.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from ...core import NO_MODEL, Fault, RunBroken, is_near, origin_of, read_key, say
from .client import Call, Endpoint, Exchange, Parameters
from .counts import counts_nothing, possible_tokens
from .pace import Pace, Streak, Traffic
from .responses import Answer


@dataclass(frozen=True)
class Admission:
    """Decides which calls are sent, as far as money goes.

    first: whether a call may be sent. again: whether it may be sent once more after an attempt that brought no answer but
    may be billed. free: the last attempt of a call costs nothing.
    """

    first: Callable[[Call], bool] = lambda call: True
    again: Callable[[Call], bool] = lambda call: True
    free: Callable[[Call], None] = lambda call: None


@dataclass(frozen=True)
class Reply:
    """The result of one call.

    output: None if the variant gave none (`error` None: an empty choice, a content filter, only tool calls) or if every
    attempt failed (`error` has the reason). finish_reason: the endpoint's word, or "refusal". Tokens are the endpoint's
    counts, None if they are missing or contradict each other: input includes cached, output includes reasoning. seconds:
    the last attempt. model: the name in the endpoint's answer. usage: its counts, unchanged. refused: the parameters that
    were dropped because the endpoint does not accept them. system_fingerprint: the provider's name for the configuration
    of its servers. billed: whether the last attempt may be billed although it brought no answer.
    """

    index: int
    sample: int
    output: str | None
    finish_reason: str | None
    input_tokens: int | None
    cached_tokens: int | None
    output_tokens: int | None
    reasoning_tokens: int | None
    seconds: float
    model: str | None
    usage: dict[str, Any] | None
    error: str | None
    attempts: int
    refused: tuple[str, ...] = ()
    system_fingerprint: str | None = None
    billed: bool = False


def send_calls(
    endpoint: Endpoint,
    calls: Iterable[Call],
    *,
    max_new_tokens: int,
    temperature: float,
    seed: int | None,
    on_reply: Callable[[Reply], None],
    admission: Admission | None = None,
    warn: Callable[[str], None] | None = None,
    traffic: Traffic | None = None,
    heard: bool = False,
) -> None:
    """Send every call and pass each reply to `on_reply` as it arrives, one at a time.

    Calls are taken one by one as slots become free. If `admission` refuses one, this call and all later ones are not sent,
    and calls in flight finish. An exception from `on_reply` or Ctrl-C drops the calls in flight and is raised; replies
    already passed on remain. The first call is sent alone, so that a problem that affects all calls shows at once.
    `traffic` counts what is under way. `heard` says that the endpoint has answered before: as long as it has not, a fault
    that more tries seldom resolve (nothing listens, a web page, no such model) ends the calls within five seconds.

    Raises: ConfigError if no call can succeed (key, address, model, certificate); RunBroken if the endpoint stopped
    answering or the account is empty.
    """

    _run(
        _Work(
            endpoint,
            max_new_tokens=max_new_tokens,
            temperature=temperature,
            seed=seed,
            on_reply=on_reply,
            admission=admission or Admission(),
            warn=warn or (lambda text: None),
            traffic=traffic or Traffic(),
            heard=heard,
        ),
        calls,
    )


# Attempts per try while the rate is limited and other calls are answered; a call that never gets through ends here.
PATIENCE = 10
LONG_PAUSE = 10.0  # seconds; a shorter pause is not reported
LATE = ("timeout", "ConnectTimeout")  # kinds of faults


def _run(work: "_Work", calls: Iterable[Call]) -> None:
    """Do the work in a new event loop; in a new thread if a loop is already running, as in a notebook."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(work.run(calls))
        return
    from anyio.from_thread import start_blocking_portal

    with start_blocking_portal() as portal:
        portal.call(work.run, calls)


class _Work:
    """The state that all calls share: the client, the key, the pace, the parameters that the endpoint accepts."""

    def __init__(
        self, endpoint: Endpoint, *, max_new_tokens: int, temperature: float, seed: int | None,
        on_reply: Callable[[Reply], None], admission: Admission, warn: Callable[[str], None],
        traffic: Traffic, heard: bool,
    ) -> None:  # fmt: skip
        self.endpoint, self.url, self.seed = endpoint, endpoint.calls_url, seed
        self.origin = origin_of(urlsplit(self.url))
        self.on_reply, self.admission, self.warn, self.traffic = on_reply, admission, warn, traffic
        self.key = read_key(endpoint.key_env)
        self.parameters = Parameters(
            endpoint.parameters, max_new_tokens=max_new_tokens, temperature=temperature, seed=seed
        )
        self.streak = Streak(ever_answered=heard)
        self.closed = self.cannot_store = self.reported_wait = False
        self.contradictions = self.replies = 0

    async def run(self, calls: Iterable[Call]) -> None:
        """Send all calls, with one task for each call in flight."""
        endpoint, waiting = self.endpoint, iter(calls)
        self.pace = Pace(endpoint.concurrency, first_wait=endpoint.first_wait, longest_wait=endpoint.longest_wait)
        if self.url.startswith("http:") and not is_near(self.url):
            self.warn(f"{self.origin}: http:// sends texts and the key unencrypted; use https:// if the host offers it")
        with self.key.masked_logs():
            async with Exchange(endpoint, self.key, self.parameters) as self.exchange:
                ticking = asyncio.create_task(self._tick())
                try:
                    async with asyncio.TaskGroup() as group:
                        for place in range(endpoint.concurrency):
                            group.create_task(self._take(waiting, first=not place))
                except BaseExceptionGroup as group_of_errors:
                    raise group_of_errors.exceptions[0] from None
                finally:
                    ticking.cancel()
        if self.contradictions:
            self.warn(
                f"{self.origin}: the token counts of {self.contradictions} of {self.replies} answers contradict "
                "themselves; those numbers count as unknown"
            )

    async def _tick(self) -> None:
        """Show each second how the calls stand, as an answer may take minutes."""
        while True:
            await asyncio.sleep(1.0)
            self.traffic.tell()

    async def _take(self, waiting: Iterator[Call], *, first: bool) -> None:
        if not first:
            await self.pace.until_tested()
        while not self.closed:
            call = next(waiting, None)
            if call is None or not self.admission.first(call):
                self.closed = True
            elif (reply := await self._call(call)) is not None:
                self._pass_on(reply)
            self.pace.tested()

    def _pass_on(self, reply: Reply) -> None:
        """Pass a reply on; once that has failed, later replies are dropped."""
        if self.cannot_store:
            return
        try:
            self.on_reply(reply)
        except BaseException:
            self.cannot_store = self.closed = True
            self.pace.stop()
            raise

    async def _call(self, call: Call) -> Reply | None:
        """One call with all its attempts; None if no further one is admitted."""
        reply = Reply(call.index, call.sample, None, None, None, None, None, None, 0.0, None, None, None, 0)
        tries, fault, answered, started = 0, Fault("not sent", "not sent"), self.replies, time.monotonic()
        under_way = False
        try:
            async with asyncio.timeout(self.endpoint.most_seconds):
                while True:
                    under_way = True
                    outcome, seconds = await self._attempt(call)
                    under_way = False
                    reply = replace(reply, seconds=seconds, attempts=reply.attempts + 1)
                    if isinstance(outcome, Answer):
                        return self._answered(outcome, reply, call)
                    fault = outcome
                    if fault.refused is not None and self._give_up(fault.refused):
                        continue
                    # A rate limit is not this call's fault: as long as others are answered, it will get through.
                    waits = (
                        fault.everyone and self.replies > answered and reply.attempts < PATIENCE * self.endpoint.tries
                    )
                    tries += not waits
                    answered = self.replies
                    last = not fault.again or tries >= self.endpoint.tries
                    # The time for which the same fault may come again before the first answer, less that of one more try.
                    grace = fault.grace - (time.monotonic() - started) - seconds
                    await self._stop_if_useless(fault, call, last=last, hopeless=last or grace <= 0)
                    if fault.billed and not last and not self.admission.again(call):
                        self.closed = True
                        return None
                    if self._decides(fault):  # no other call before it is clear
                        await asyncio.sleep(min(self.pace.backoff(tries), grace))
                        continue
                    self.pace.tested()
                    if fault.everyone:
                        self._slow_down(fault)
                    if last:
                        break
                    if not fault.everyone:
                        await asyncio.sleep(self.pace.backoff(tries))
        except TimeoutError:
            self.traffic.late()
            text = f"given up after {self.endpoint.most_seconds:g} s; last attempt: {fault.text}"
            fault = replace(fault, text=text, billed=under_way)
            await self._stop_if_useless(fault, call, last=True, hopeless=True)
        error = self.key.mask(f"{fault.text.splitlines()[0]} (attempts: {reply.attempts})")
        return replace(reply, error=error, billed=fault.billed)

    async def _attempt(self, call: Call) -> tuple[Answer | Fault, float]:
        """One request with its result and the seconds from sending to the last byte."""
        await self.pace.enter()
        started = time.perf_counter()
        outcome: Answer | Fault | None = None  # None if the attempt is dropped
        self.traffic.sending()
        try:
            outcome = await self.exchange.request(call)
        finally:
            self.pace.leave()
            late = isinstance(outcome, Fault) and outcome.kind in LATE
            self.traffic.ended(late=late)
        assert outcome is not None, "an attempt that is dropped raises"
        return outcome, time.perf_counter() - started

    def _answered(self, answer: Answer, reply: Reply, call: Call) -> Reply:
        self.pace.tested()
        self.pace.answered()
        self.streak.answered()
        self.replies += 1
        self.contradictions += answer.tokens.contradicts and not counts_nothing(answer.usage)
        tokens = possible_tokens(answer.tokens, call.messages, answer.output)
        return replace(
            reply,
            output=answer.output,
            finish_reason=answer.finish_reason,
            model=answer.model,
            system_fingerprint=answer.system_fingerprint,
            usage=answer.usage,
            input_tokens=tokens.input,
            cached_tokens=tokens.cached,
            output_tokens=tokens.output,
            reasoning_tokens=tokens.reasoning,
            refused=self.parameters.refused,
        )

    def _give_up(self, name: str) -> bool:
        """Whether the call can be sent again without this parameter."""
        instead = self.parameters.give_up(name)
        if instead:
            self.warn(f'{self.origin}: the endpoint rejects "{name}"; continuing {instead}')
        return instead is not None

    def _decides(self, fault: Fault) -> bool:
        """Whether the fault concerns all calls, so that it ends them unless it passes."""
        return fault.stop is not None and not (fault.only_first and self.streak.ever_answered)

    async def _stop_if_useless(self, fault: Fault, call: Call, *, last: bool, hopeless: bool) -> None:
        """Raise if more calls are of no use; `last` ends this call, `hopeless` says that more tries are of no use."""
        if self._decides(fault):
            if not hopeless:
                return
            assert fault.stop is not None
            self._end(fault, call)
            offered = await self.exchange.offered() if fault.kind == NO_MODEL else ""
            raise fault.stop(self.key.mask(f"{self.origin}: {fault.text}{offered}")) from None
        if self.streak.failed(final=last, transport=fault.again):
            self._end(fault, call)
            raise RunBroken(
                self.key.mask(f"{self.origin}: the endpoint stopped answering; last attempt: {fault.text}")
                + "\nEarlier answers are kept; run again once the endpoint works."
            )

    def _end(self, fault: Fault, call: Call) -> None:
        """Send nothing more after a fault that ends all calls."""
        self.pace.stop()
        if not fault.billed:
            self.admission.free(call)

    def _slow_down(self, fault: Fault) -> None:
        pause = self.pace.limited(fault.wait)
        self.traffic.paused(pause)
        longest = self.endpoint.longest_wait
        if self.reported_wait or (pause < LONG_PAUSE and (fault.wait or 0.0) <= longest):
            return
        self.reported_wait = True
        requested = f" and requests a wait of {say.duration(fault.wait)}" if fault.wait is not None else ""
        self.warn(f"{self.origin}: the endpoint limits the rate{requested}; all calls wait {say.duration(pause)}")
