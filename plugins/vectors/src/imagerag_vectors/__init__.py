"""What the vector indexes of imagerag share; a plugin adds a `Code` and a `VectorRetriever`."""

from imagerag_vectors.code import Code
from imagerag_vectors.config import VectorConfig
from imagerag_vectors.files import DamagedIndexError, FileEntry, file_entry, new_name, write_file
from imagerag_vectors.manifest import CodeEntry, Manifest
from imagerag_vectors.retriever import VectorRetriever, index_folder
from imagerag_vectors.store import VectorStore

__all__ = [
    "Code",
    "CodeEntry",
    "DamagedIndexError",
    "FileEntry",
    "Manifest",
    "VectorConfig",
    "VectorRetriever",
    "VectorStore",
    "file_entry",
    "index_folder",
    "new_name",
    "write_file",
]
