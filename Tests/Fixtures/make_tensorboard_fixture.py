"""Makes tensorboard.tfevents: three events as TensorBoard's own writer has them.

    venv/bin/pip install tensorboard==2.20.0 && venv/bin/python Tests/Fixtures/make_tensorboard_fixture.py
"""
import io
import pathlib

from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.summary.writer.record_writer import RecordWriter


def scalars(values):
    return summary_pb2.Summary(
        value=[summary_pb2.Summary.Value(tag=tag, simple_value=value) for tag, value in values])


start = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
events = [
    event_pb2.Event(wall_time=1_700_000_000.25, file_version="brain.Event:2"),
    event_pb2.Event(wall_time=1_700_000_001, step=300, session_log=start),
    event_pb2.Event(
        wall_time=1_700_000_002.5, step=301, summary=scalars(
            [("train/loss", 2.5), ("train/learning_rate", 1e-3), ("validation/perplexity", float("nan"))])),
]
file = io.BytesIO()
writer = RecordWriter(file)
for event in events:
    writer.write(event.SerializeToString())
(pathlib.Path(__file__).parent / "tensorboard.tfevents").write_bytes(file.getvalue())
