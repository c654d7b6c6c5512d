"""The notebook runs from top to bottom and is kept without outputs."""

import pathlib

import nbclient
import nbformat
import pytest

_NOTEBOOK = pathlib.Path(__file__).parents[2] / "notebooks" / "quickstart.ipynb"


def test_notebook_is_kept_without_outputs():
    notebook = nbformat.read(_NOTEBOOK, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)


@pytest.mark.slow
def test_notebook_runs_and_recommends(tmp_path):
    notebook = nbformat.read(_NOTEBOOK, as_version=4)
    client = nbclient.NotebookClient(
        notebook, timeout=900, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    )
    client.execute()
    *_, last = (cell for cell in notebook.cells if cell.cell_type == "code")
    table = last.outputs[0]["data"]["text/plain"]
    assert len(table.splitlines()) == 11
    assert "name" in table.splitlines()[0]
