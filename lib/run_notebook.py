"""Executes a notebook and saves it with its outputs, also when a cell fails. Prints its headings as they are reached, with
the seconds that a longer part took, and what progress bars say.

usage: run_notebook.py NOTEBOOK OUTPUT WORKING_FOLDER
"""

import re
import sys
import time

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError


class Client(NotebookClient):
    """Says how far it is. A running cell's progress is output that the cell replaces as it goes."""

    part = None
    part_started_at = 0.0
    printed_at = 0.0

    def say_part(self, cell, cell_index):
        if cell.cell_type != "code" or (part := heading(self.nb, cell_index)) == self.part:
            return
        self.say_seconds()
        self.part, self.part_started_at = part, time.monotonic()
        print(f"  {part}", flush=True)

    def say_seconds(self):
        seconds = time.monotonic() - self.part_started_at
        if self.part and seconds >= 1:
            print(f"    {seconds:.0f} s", flush=True)

    def process_message(self, msg, cell, cell_index):
        if msg["msg_type"] == "update_display_data" and time.monotonic() - self.printed_at > 5:
            lines = msg["content"]["data"].get("text/plain", "").splitlines()
            if lines:
                print(f"    {lines[-1]}", flush=True)
                self.printed_at = time.monotonic()
        return super().process_message(msg, cell, cell_index)


def heading(notebook, index):
    """The last heading above a cell."""
    for cell in reversed(notebook.cells[:index]):
        if cell.cell_type == "markdown":
            for line in reversed(cell.source.splitlines()):
                if line.startswith("#"):
                    return line.lstrip("# ")
    return "start"


def main(source, target, folder):
    notebook = nbformat.read(source, as_version=4)
    client = Client(notebook, timeout=None, kernel_name="tslab", record_timing=False, resources={"metadata": {"path": folder}})
    client.on_cell_start = client.say_part
    problem = None
    try:
        client.execute()
        client.say_seconds()
    except CellExecutionError as error:
        problem = re.sub(r"\x1b\[[\d;]*m", "", str(error)).strip()
    except DeadKernelError:
        problem = f'the kernel ended in the part "{client.part}": it crashed, was killed (by want of memory, for one) or a cell ended it'
    except RuntimeError as error:
        problem = f"the kernel did not start: {error}"
    nbformat.write(notebook, target)
    if problem:
        sys.exit(problem)


main(*sys.argv[1:])
