"""The one pipeline that both front ends and the server iterate; the composition root."""
