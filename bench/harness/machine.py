"""Processes and what the kernel says about them: CPU time, memory, the machine.

CPU time is the sum over all threads of a process and of its children, in nanoseconds,
from /proc/PID/task/TID/schedstat.  Ticks (utime, stime) would be a hundred times too
coarse, and the main thread alone would hide a recorder.
"""

import ctypes
import os
import resource
import signal
import socket
import subprocess
import time

PR_SET_PDEATHSIG = 1
libc = ctypes.CDLL(None, use_errno=True)


def read(path):
    with open(path, encoding="ascii", errors="replace") as file:
        return file.read()


def free_port():
    """A port nobody listens on.  Somebody could take it before we do; then the start
    fails with a message, which is good enough for a bench."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def most_open_files():
    return resource.getrlimit(resource.RLIMIT_NOFILE)[1]


class Child:
    """A process of ours, pinned to one core, which does not outlive this script."""

    def __init__(self, name, command, core, folder, env=None):
        self.name = name
        self.error_path = os.path.join(folder, name + ".err")
        self.output_path = os.path.join(folder, name + ".out")

        def prepare():
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
            os.sched_setaffinity(0, {core})
            # All of ours alike, so that a compiler beside us costs fewer wake-ups.
            libc.setpriority(0, 0, -10)
            hard = most_open_files()
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

        with open(self.output_path, "wb") as out, open(self.error_path, "wb") as err:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=folder,
                env=env, preexec_fn=prepare, start_new_session=True)
        self.pid = self.process.pid

    def alive(self):
        return self.process.poll() is None

    def complaint(self):
        text = read(self.error_path)[-1500:].strip()
        return f"{self.name} (status {self.process.poll()}): {text or 'said nothing'}"

    def wait(self, seconds):
        """Its standard output, once it has ended by itself."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.stop()
            raise RuntimeError(f"{self.name} did not end in {seconds} s") from None
        return read(self.output_path)

    def stop(self):
        if not self.alive():
            return
        self.process.terminate()
        try:
            self.process.wait(8)
        except subprocess.TimeoutExpired:
            os.killpg(self.pid, signal.SIGKILL)  # the group is ours: a new session
            self.process.wait(8)

    def pids(self):
        found, todo = [], [self.pid]
        while todo:
            pid = todo.pop()
            found.append(pid)
            try:
                todo += map(int, read(f"/proc/{pid}/task/{pid}/children").split())
            except OSError:
                pass
        return found

    def cpu(self):
        """{thread id: (thread name, nanoseconds)}, to be subtracted by cpu_between."""
        threads = {}
        for pid in self.pids():
            try:
                tids = os.listdir(f"/proc/{pid}/task")
            except OSError:
                continue
            for tid in tids:
                try:
                    name = read(f"/proc/{pid}/task/{tid}/comm").strip()
                    ns = int(read(f"/proc/{pid}/task/{tid}/schedstat").split()[0])
                except OSError:
                    continue
                threads[tid] = (name, ns)
        return threads

    def memory(self):
        """Anonymous and shared memory, in bytes.  Pages of files are not counted: the
        kernel may drop them, and they are the same pages in every process."""
        total = 0
        for pid in self.pids():
            for line in read(f"/proc/{pid}/status").splitlines():
                if line.startswith(("RssAnon:", "RssShmem:")):
                    total += int(line.split()[1]) * 1024
        return total


def cpu_between(before, after):
    """Nanoseconds of all threads; a thread that was not there before began at 0."""
    return sum(ns - before.get(tid, (name, 0))[1] for tid, (name, ns) in after.items())


def cpu_of_threads(before, after, word):
    """The same for the threads whose name has `word` in it; None when there is none."""
    named = {tid: at for tid, at in after.items() if word in at[0].lower()}
    return cpu_between(before, named) if named else None


def core_busy(core):
    """Seconds the core was not idle, whoever it worked for, stolen time included."""
    for line in read("/proc/stat").splitlines():
        if line.startswith(f"cpu{core} "):
            ticks = list(map(int, line.split()[1:9]))
            return (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")
    return 0.0


def wait_for(what, test, seconds, pause=0.005):
    end = time.monotonic() + seconds
    while not test():
        if time.monotonic() > end:
            raise RuntimeError(f"no {what} in {seconds} s")
        time.sleep(pause)


def accepts(port):
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def describe():
    cpu = next((line.split(":")[1].strip() for line in read("/proc/cpuinfo").splitlines()
                if line.startswith("model name")), "unknown")
    return {"kernel": os.uname().release, "cpu": cpu, "cores": os.cpu_count(),
            "date": time.strftime("%Y-%m-%d")}
