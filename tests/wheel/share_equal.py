"""A metric of Hugging Face's `evaluate`, so that the library is used and not only imported."""

import datasets

import evaluate


class ShareEqual(evaluate.Metric):
    def _info(self):
        features = datasets.Features({"predictions": datasets.Value("int32"), "references": datasets.Value("int32")})
        return evaluate.MetricInfo(description="share of equal values", citation="", features=features)

    def _compute(self, predictions, references):
        return {"share": sum(p == r for p, r in zip(predictions, references, strict=True)) / len(references)}
