"""Why a server's outputs differ from the judged ones: one test a file, each with its evidence in numbers."""
