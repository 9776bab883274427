from .kinds import KINDS as KINDS
from .kinds import Action as Action
from .kinds import Kind as Kind
from .kinds import kind_named as kind_named
