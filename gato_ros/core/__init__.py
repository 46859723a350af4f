"""The shared words: values, seams and pure mathematics. numpy and the standard library only."""
