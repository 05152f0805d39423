"""A batch whose files lie on an S3 server, as its command sees it: moto serves the protocol on this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import openportrait
from tests.batch.test_batch import same_pictures, write_list
from tests.cli.conftest import Run

BUCKET = "openportrait-test"


@pytest.fixture
def storage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The bucket, as its own client sees it; the environment says where it is, as for any user of S3."""
    boto3 = pytest.importorskip("boto3")
    pytest.importorskip("s3fs")
    server_of = pytest.importorskip("moto.server").ThreadedMotoServer
    server = server_of(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        for name, value in {
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": "us-east-1",
        }.items():
            monkeypatch.setenv(name, value)
        client = boto3.client("s3")
        client.create_bucket(Bucket=BUCKET)
        yield client
    finally:
        server.stop()


def test_a_batch_reads_from_s3_and_writes_there(run: Run, storage: Any, files: Path, tmp_path: Path) -> None:
    for name in ("portrait.png", "clip.mp4"):
        storage.upload_file(str(files / name), BUCKET, f"in/{name}")
    source, driving = (f"s3://{BUCKET}/in/{name}" for name in ("portrait.png", "clip.mp4"))
    listed = write_list(
        tmp_path,
        {"source": source, "driving": driving, "output": f"s3://{BUCKET}/named/nod.mp4", "side_by_side": True},
        {"source": source, "driving": source},
        {"source": source, "driving": f"s3://{BUCKET}/in/none.mp4"},
        {"source": source, "driving": driving, "output": "s3://no-such-bucket/nod.mp4"},
    )

    done = run(
        *("batch", listed, "-o", f"s3://{BUCKET}/out", "--ledger", "l.sqlite"),
        *("--json", "--workers", 1, "--retries", 0),
    )
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    first = json.loads(done.stdout)
    assert (first["done"], first["failed"]) == (2, 2)
    errors = {outcome["where"][-1]: outcome["error"] for outcome in first["outcomes"] if outcome["error"]}
    assert errors["3"] == f"s3://{BUCKET}/in/none.mp4: there is no such file; check the address"
    assert errors["4"].startswith("s3://no-such-bucket/nod.mp4: ")
    still = next(outcome["result"]["path"] for outcome in first["outcomes"] if outcome["where"].endswith("2"))
    kept = {item["Key"] for item in storage.list_objects_v2(Bucket=BUCKET)["Contents"]}
    made = {"named/nod.mp4", "named/nod_concat.mp4", f"out/{still.rpartition('/')[2]}"}
    assert kept == {"in/portrait.png", "in/clip.mp4"} | made

    storage.download_file(BUCKET, "named/nod.mp4", str(tmp_path / "there.mp4"))
    openportrait.animate(files / "portrait.png", files / "clip.mp4", tmp_path / "here.mp4")
    assert same_pictures(tmp_path / "there.mp4", tmp_path / "here.mp4")

    storage.delete_object(Bucket=BUCKET, Key="named/nod.mp4")
    again = openportrait.batch(listed, output=f"s3://{BUCKET}/out", ledger=tmp_path / "l.sqlite", workers=1, retries=0)
    attempts = {outcome.job.where[-1]: outcome.attempts for outcome in again if outcome.result}
    assert attempts == {"1": 1, "2": 0}, "what is gone there is made again, and nothing else"
