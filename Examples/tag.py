"""Tags the text on standard input with a checkpoint, through Palier's library, with nothing but Python's ctypes:

    python3 Examples/tag.py LIB/libpalier.so CHECKPOINT < report.txt

LIB is where libpalier.so lies (launch/build --library says so). A line goes out for each entity, or for each word where the
labels are parts of speech: start, end, label, score, text, with tabs between. Offsets are Python's own: text[start:end].
"""

import ctypes as c
import sys


class Options(c.Structure):  # palier_options
    _fields_ = [
        ("size", c.c_size_t),
        ("threads", c.c_int32),
        ("maximum_tokens", c.c_int32),
        ("batch_tokens", c.c_int32),
        ("lines", c.c_int32),
        ("strict", c.c_int32),
        ("trust", c.c_int32),
        ("tokenization", c.c_char_p),
        ("tokenizer", c.c_char_p),
    ]


class Span(c.Structure):  # palier_span
    _fields_ = [
        ("label", c.c_char_p),
        ("text", c.c_char_p),
        ("start", c.c_int64),
        ("end", c.c_int64),
        ("score", c.c_double),
    ]

    def values(self):
        label = self.label.decode() if self.label is not None else None
        return {"label": label, "start": self.start, "end": self.end, "text": self.text.decode(), "score": self.score}


class Sentence(c.Structure):  # palier_sentence
    _fields_ = [
        ("start", c.c_int64),
        ("end", c.c_int64),
        ("text", c.c_char_p),
        ("word_count", c.c_size_t),
        ("words", c.POINTER(Span)),
        ("entity_count", c.c_size_t),
        ("entities", c.POINTER(Span)),
    ]

    def values(self):
        return {
            "start": self.start,
            "end": self.end,
            "words": [self.words[i].values() for i in range(self.word_count)],
            "entities": [self.entities[i].values() for i in range(self.entity_count)],
        }


class Result(c.Structure):  # palier_result
    _fields_ = [("sentence_count", c.c_size_t), ("sentences", c.POINTER(Sentence))]


class LabelList(c.Structure):  # palier_label_list
    _fields_ = [
        ("count", c.c_size_t),
        ("names", c.POINTER(c.c_char_p)),
        ("are_entities", c.c_int32),
        ("scheme", c.c_char_p),
        ("tokenization", c.c_char_p),
    ]


class Tagger:
    """A checkpoint that is open. Threads may share one: ctypes lets others run during a call."""

    def __init__(self, library, checkpoint, **options):
        self.library = c.CDLL(library)
        self.library.palier_free.argtypes = [c.c_void_p]
        self.library.palier_close.argtypes = [c.c_void_p]
        self.library.palier_free.restype = self.library.palier_close.restype = None
        self.handle = c.c_void_p()
        given = Options(size=c.sizeof(Options), **options)
        self._call("palier_open", checkpoint.encode(), c.byref(given), c.byref(self.handle))
        labels = c.POINTER(LabelList)()
        self._call("palier_labels", self.handle, c.byref(labels))
        self.labels = [labels.contents.names[i].decode() for i in range(labels.contents.count)]
        self.are_entities = bool(labels.contents.are_entities)

    def tag(self, text):
        """The sentences of a text, with their words and entities."""
        encoded = text.encode()
        return self._sentences("palier_tag_text", encoded, c.c_size_t(len(encoded)))

    def tag_words(self, sentences):
        """Sentences of words: a list of lists."""
        words = [word.encode() for sentence in sentences for word in sentence]
        counts = [len(sentence) for sentence in sentences]
        return self._sentences(
            "palier_tag_words",
            (c.c_char_p * len(words))(*words),
            (c.c_size_t * len(counts))(*counts),
            c.c_size_t(len(counts)),
        )

    def close(self):
        self.library.palier_close(self.handle)
        self.handle = c.c_void_p()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _sentences(self, name, *arguments):
        result = c.POINTER(Result)()
        self._call(name, self.handle, *arguments, c.byref(result))
        try:
            return [result.contents.sentences[i].values() for i in range(result.contents.sentence_count)]
        finally:
            self.library.palier_free(result)

    def _call(self, name, *arguments):
        error = c.c_void_p()
        code = getattr(self.library, name)(*arguments, c.byref(error))
        if code != 0:
            text = c.string_at(error).decode() if error else "out of memory"
            self.library.palier_free(error)
            raise RuntimeError(f"{name}: code {code}: {text}")


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: tag.py LIBRARY CHECKPOINT < TEXT")
    # Offsets are of the text as it came: no line end is translated.
    text = sys.stdin.buffer.read().decode()
    try:
        with Tagger(sys.argv[1], sys.argv[2]) as tagger:
            for sentence in tagger.tag(text):
                for span in sentence["entities" if tagger.are_entities else "words"]:
                    shown = span["text"].replace("\n", " ").replace("\t", " ")
                    print(span["start"], span["end"], span["label"] or "", f"{span['score']:.6f}", shown, sep="\t")
    except RuntimeError as error:
        sys.exit(f"tag.py: {error}")


if __name__ == "__main__":
    main()
