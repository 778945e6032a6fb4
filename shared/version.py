"""The version of Rowpost: the package's, the API's, and what `rowpost --version` says."""

VERSION = "0.1.0"
