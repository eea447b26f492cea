"""The pipeline: the stages of a trace from the sealed dump to the report, resumable and repeatable."""
