"""Running a model: protocols, the llama.cpp engine, and the child process that it lives in."""
