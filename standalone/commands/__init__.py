"""The operator's commands, each in a file of its own: `rowpost VERB`, or `python -m standalone`.

They work on the database, the secret store and the data folder that the service works on, by the
same functions as its endpoints, and need no service that runs.
"""
