"""test_peers.py BUILD DIGITS: the scripts of this folder, as far as they need no other runtime.

BUILD holds vitc and libvitc-runtime.a; DIGITS is the fixture whose folder "model" is compiled.
"""
import contextlib
import io
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

import cold_start
import peers
import report
import timing
from contenders import HERE, Cell, Contender, Failure, Files, Setup, complaint, limits_text

BUILD, DIGITS = sys.argv[1:3]
SVG = "{http://www.w3.org/2000/svg}"


def here(name):
    return os.path.join(HERE, name)


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def setup_of(self, **more):
        return Setup(**{"models": DIGITS, "build": BUILD, "cc": "cc", "python": "",
                        "cache": self.folder, "work": self.folder, "level": "native",
                        "output": "logits", "timeout": 60.0, **more})

    def script(self, main, *argv):
        """(exit code, stdout, stderr) of a script's main function"""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                code = main(list(argv))
            except SystemExit as end:
                code = end.code
        return code, out.getvalue(), err.getvalue()


class Compiled(Case):
    """the C host against `vitc run`, and its answers"""

    def test_worker(self):
        files = Files(self.setup_of())
        cell = Cell("model", 2, 2, "f32")
        command, env = files.command("vitc", cell)
        worker = Contender("vitc", command, env, self.path("log"), 60.0)
        self.addCleanup(worker.close)
        self.assertGreaterEqual(worker.facts("ready")["load_ms"], 0)
        self.assertEqual(len(worker.run(3)), 3)
        result = worker.output(self.path("y.f32"))
        self.assertEqual(result.tobytes(), self.expected(files.input(cell), files.shape(cell)))
        memory = self.memory_of(worker)
        self.assertGreater(memory["rss_kb"], memory["weights_kb"] + memory["arena_kb"])
        self.assertGreater(memory["weights_kb"], 100)
        for request, said in (("run 0", "unknown request"), ("fly", "unknown request"),
                              ("output /nowhere/y", "cannot be written")):
            worker.send(request)
            self.assertRaisesRegex(Failure, said, worker.answer)

    def memory_of(self, worker):
        worker.send("memory")
        return worker.facts("memory")

    def expected(self, input_file, shape):
        """what vitc itself computes from the same images"""
        with open(input_file, "rb") as f:
            pixels = f.read()
        header = ("{'descr': '<f4', 'fortran_order': False, 'shape': %s, }" % (tuple(shape),))
        with open(self.path("x.npy"), "wb") as f:
            f.write(b"\x93NUMPY\x01\x00" + (118).to_bytes(2, "little") +
                    header.ljust(117).encode() + b"\n" + pixels)
        subprocess.run([os.path.join(BUILD, "vitc"), "run", "-q", os.path.join(DIGITS, "model"),
                        "--batch", "2", "--input", self.path("x.npy"), "-o",
                        self.path("y.safetensors")], check=True, stdout=subprocess.DEVNULL)
        with open(self.path("y.safetensors"), "rb") as f:
            size = int.from_bytes(f.read(8), "little")
            begin, end = json.loads(f.read(size))["logits"]["data_offsets"]
            return f.read()[begin:end]

    def test_worker_refuses_another_input(self):
        files = Files(self.setup_of())
        program = files.program(Cell("model", 1, 1, "f32"))
        large = files.input(Cell("model", 2, 1, "f32"))
        for argv in ([program, "1", large], [program, "1", "/nowhere"]):
            worker = Contender("vitc", argv, None, self.path("log"), 60.0)
            self.addCleanup(worker.close)
            self.assertRaisesRegex(Failure, "input file", worker.answer)

    def test_compiler_messages(self):
        cell = Cell("model", 1, 1, "f32")
        for setup, said in ((self.setup_of(options=("--fly",)), "vitc compile: .*--fly"),
                            (self.setup_of(cc="cc -include nothing.h"), "link: .*nothing.h"),
                            (self.setup_of(build="/nowhere"), "vitc compile: .*/nowhere/vitc")):
            self.assertRaisesRegex(Failure, said, Files(setup).program, cell)


class WholeScript(Case):
    def peers(self, *argv):
        return self.script(peers.main, "--models", DIGITS, "--build", BUILD, "--only", "vitc",
                           "--budget", "0.02", "--json", self.path("r.json"), *argv)

    def test_vitc_alone_and_resumed(self):
        code, out, err = self.peers("--cells", "model:1,2")
        self.assertEqual((code, err.count("[")), (0, 2), err)
        first = json.loads(read(self.path("r.json")))
        self.assertEqual([(c["batch"], c["threads"]) for c in first["cells"]], [(1, 1), (2, 1)])
        for cell in first["cells"]:
            self.assertEqual(cell["compared_with"], "vitc itself")
            result = cell["results"]["vitc"]
            self.assertTrue(0 < result["min"] <= result["median"] and result["runs"] >= 3, result)
            self.assertIn(f"| {result['median']:.2f} ", out)
        xml.etree.ElementTree.parse(self.path("r.svg"))

        code, _, err = self.peers("--cells", "model:2,4", "--resume")
        self.assertEqual(code, 0, err)
        self.assertIn("[2/2] model batch 4", err)
        second = json.loads(read(self.path("r.json")))
        self.assertEqual(second["cells"][:2], first["cells"])
        self.assertEqual([c["batch"] for c in second["cells"]], [1, 2, 4])

        code, _, err = self.peers("--cells", "model:2,4")
        self.assertEqual((code, "r.json exists: --resume" in err), (2, True), err)
        code, _, err = self.peers("--cells", "model:4", "--resume", "--output", "logits")
        self.assertEqual((code, "other settings" in err), (2, True), err)

    def test_vitc_fails(self):
        code, out, _ = self.peers("--cells", "model:1", "--dtype", "int8", "--vitc-options=--fly")
        self.assertEqual(code, 1)
        self.assertIn("FAILED  model b1 t1 int8: vitc: vitc compile: ", out)

    def test_usage(self):
        cells = ("--cells", "model:1")
        for argv, said in (
                ((), "--models and --cells are needed"),
                (("--cells", "model"), "'model' is not MODEL:BATCH"),
                (("--cells", "model:0"), "--cells: '0' is not a list of numbers from 1 to 64"),
                (("--cells", "model:1,,2"), "--cells: '1,,2' is not"),
                (("--cells", "nowhere:1"), "no Hugging Face directory"),
                (cells + ("--threads", "x"), "--threads: 'x' is not a list of numbers"),
                (cells + ("--threads", "257"), "numbers from 1 to 256"),
                (cells + ("--dtype", "f64"), "'f64' is not one of f32"),
                (cells + ("--only", "tvm"), "there is no contender 'tvm'"),
                (cells + ("--only", "openvino"), "--python is needed"),
                (cells + ("--budget", "0"), "must be positive"),
                (cells + ("--budget", "nan"), "must be positive"),
                (cells + ("--timeout", "-1"), "must be positive"),
                (cells + ("--level", "i386"), "invalid choice: 'i386'"),
                (cells + ("--output", "probs"), "invalid choice: 'probs'"),
                (("--report",), "No such file")):
            code, out, err = self.peers(*argv)
            self.assertEqual((code, out), (2, ""), argv)
            self.assertIn(said, err)

    def test_python_of_the_peers(self):
        code, _, err = self.script(peers.main, "--models", DIGITS, "--build", BUILD, "--cells",
                                   "model:1", "--python", "/nowhere", "--json", self.path("r.json"))
        self.assertEqual((code, "--python: " in err), (2, True), err)

    def test_help(self):
        for main in (peers.main, cold_start.main):
            code, out, _ = self.script(main, "--help")
            self.assertEqual(code, 0)
            self.assertIn("--python PATH", out)


class Report(Case):
    def shown(self, data):
        with open(self.path("s.json"), "w", encoding="utf-8") as f:
            f.write(data)
        return self.script(peers.main, "--report", "--json", self.path("s.json"), "--svg",
                           self.path("s.svg"))

    def test_table(self):
        code, out, err = self.shown(read(here("sample.json")))
        self.assertEqual(code, 1, err)
        self.assertEqual(out, read(here("sample.txt")))

    def test_chart(self):
        self.shown(read(here("sample.json")))
        root = xml.etree.ElementTree.parse(self.path("s.svg")).getroot()
        texts = [t.text for t in root.iter(SVG + "text")]
        self.assertIn("a<b b8 t2 f32", texts)
        self.assertEqual(texts.count("failed"), 3)
        widths = [float(r.get("width")) for r in root.iter(SVG + "rect")
                  if r.get("x") == str(report.LABEL) and r.get("height") == str(report.BAR - 2)]
        unit = widths[1]    # the best peer of the first cell
        self.assertEqual([round(w / unit, 2) for w in widths],
                         [1.1, 1.0, 0.88, 0.8, 0.0, 1.0, 0.0, 1.0, 0.0])

    def test_other_files_are_refused(self):
        for data in ("", "[]", "{}", '{"format": "another"}', "\0"):
            code, out, err = self.shown(data)
            self.assertEqual((code, out), (2, ""))
            self.assertIn("s.json: ", err)

    def test_limits(self):
        self.assertIn("nobody", limits_text(["vitc", "openvino"], "native"))
        text = limits_text(["vitc", "openvino", "onnxruntime"], "x86-64-v3")
        self.assertIn("openvino ONEDNN_MAX_CPU_ISA=AVX2", text)
        self.assertIn("onnxruntime NOT limited", text)


class FakeFiles:
    """stands for Files: a contender's name is its behaviour and its milliseconds"""

    def __init__(self, setup):
        self.setup = setup

    def command(self, name, cell):
        if name == "cannot be made":
            raise Failure("export onnx: no such model")
        behaviour, _, ms = name.partition(":")
        return [sys.executable, here("fake_worker.py"), behaviour, ms or "1"], None


class Turns(Case):
    def results(self, *names, timeout=20.0):
        files = FakeFiles(self.setup_of(timeout=timeout))
        return timing.time_cell(files, Cell("fake", 1, 1, "f32"), names, 0.05)

    def test_failures_are_named_and_others_timed(self):
        told = {"cannot be made": "export onnx: no such model",
                "dies": "ended with status 1: fake: the model does not fit",
                "refuses": "no such operator", "babbles": "answered 'hello' instead of 'ready'",
                "killed later": r"killed by signal 9 \(out of memory\?\)",
                "wrong": "WRONG OUTPUT: relative error 0.018", "short": "WRONG OUTPUT: .* inf",
                "not a number": "WRONG OUTPUT: .* inf"}
        record = self.results("good:2", *told, "good:3")
        self.assertEqual(record["compared_with"], "good:2")
        self.assertEqual(list(record["results"]), ["good:2", *told, "good:3"])
        for name, said in told.items():
            self.assertRegex(record["results"][name]["failed"], said)
        for ms in (2, 3):
            result = record["results"][f"good:{ms}"]
            self.assertEqual((result["median"], result["min"], result["error"]), (ms, ms, 0))
            self.assertGreaterEqual(result["runs"], timing.MIN_ROUNDS)

    def test_time_limit(self):
        record = self.results("hangs", "good", timeout=1.0)
        self.assertEqual(record["results"]["hangs"]["failed"], "no answer within 1 s")
        self.assertIn("median", record["results"]["good"])

    def test_nobody_is_left(self):
        record = self.results("dies", "refuses")
        self.assertEqual(record["compared_with"], "nothing")
        self.assertTrue(all("failed" in r for r in record["results"].values()))

    def test_budget(self):
        result = self.results("good:1")["results"]["good:1"]
        self.assertTrue(40 <= result["runs"] <= 50, result)  # 50 runs of 1 ms, one of ten untimed

    def test_slow_models_are_timed_from_the_first_run_of_a_turn(self):
        result = self.results("good:40")["results"]["good:40"]
        self.assertEqual(result["runs"], timing.MIN_ROUNDS)

    def test_relative_error(self):
        self.assertEqual(timing.relative_error([3.0, 4.0], [3.0, 4.0]), 0)
        self.assertAlmostEqual(timing.relative_error([3.0, 4.5], [3.0, 4.0]), 0.1)
        self.assertEqual(timing.relative_error([1.0], [1.0, 2.0]), math.inf)
        self.assertEqual(timing.relative_error([math.nan], [1.0]), math.inf)
        self.assertEqual(timing.relative_error([math.inf], [1.0]), math.inf)

    def test_complaint(self):
        self.assertEqual(complaint("note\na.c:1: error: first\ncc: error: second\n"),
                         "a.c:1: error: first")
        self.assertEqual(complaint("Traceback\n  line\nValueError: what\n\n"), "ValueError: what")
        self.assertEqual(complaint(""), "")


class ColdStart(Case):
    def cold(self, *argv):
        return self.script(cold_start.main, "--models", DIGITS, "--build", BUILD, "--model",
                           "model", "--starts", "2", "--json", self.path("c.json"), *argv)

    def test_vitc_alone(self):
        code, out, err = self.cold("--only", "vitc", "--threads", "2")
        self.assertEqual(code, 0, err)
        self.assertRegex(out, r"RSS: weights [0-9.]+ MB, arena [0-9.]+ MB, rest [0-9.]+ MB")
        result = json.loads(read(self.path("c.json")))["results"]["vitc"]
        self.assertGreater(result["total"], result["load"] + result["first"])
        self.assertGreater(result["rss_kb"], result["weights_kb"] + result["arena_kb"])

    def test_usage(self):
        for argv, said in ((("--only", "vitc", "--model", "nowhere"), "no Hugging Face directory"),
                           (("--only", "tvm"), "no contender 'tvm'"),
                           ((), "--python is needed"),
                           (("--only", "vitc", "--starts", "0"), "must be positive"),
                           (("--only", "vitc", "--threads", "0"), "must be positive")):
            code, out, err = self.cold(*argv)
            self.assertEqual((code, out), (2, ""), argv)
            self.assertIn(said, err)

    def test_comparison(self):
        def facts(total, load, rss, **more):
            return {"total": total, "load": load, "first": 100.0, "second": 80.0, "warm": 80.0,
                    "rss_kb": rss, "peak_kb": rss, **more}
        results = {"vitc": facts(104.0, 2.0, 400000, weights_kb=350000, arena_kb=45000),
                   "openvino": facts(1040.0, 420.0, 800000), "torch-sdpa": {"failed": "no torch"},
                   "onnxruntime": facts(832.0, 524.0, 600000)}
        lines = cold_start.comparison(results)
        self.assertEqual(lines, [
            "FAILED  torch-sdpa: no torch",
            "vitc's RSS: weights 358.4 MB, arena 46.1 MB, rest 5.1 MB",
            "vitc's start to first result is 1.30 of a warm run, its first run 1.25 of the second",
            "start to first result of onnxruntime, the best peer: 8.00 x the start to first result "
            "of vitc",
            "load + first run of openvino, the best peer: 5.00 x the whole start of vitc",
            "RSS of onnxruntime, the best peer: 1.50 x the RSS of vitc",
            "peak RSS of onnxruntime, the best peer: 1.50 x the peak RSS of vitc"])
        self.assertEqual(len(cold_start.table(results)), 6)


class MakeModel(Case):
    def test_tiny_model_compiles(self):
        for name in ("a", "b"):
            subprocess.run([sys.executable, here("make_model.py"), "tiny", "--out",
                            self.path(name)], check=True)
        self.assertEqual(*(read_bytes(self.path(n + "/model.safetensors")) for n in "ab"))
        subprocess.run([os.path.join(BUILD, "vitc"), "verify", "-q", self.path("a")], check=True,
                       stdout=subprocess.DEVNULL)


def read_bytes(path):
    with open(path, "rb") as f:
        return f.read()


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
