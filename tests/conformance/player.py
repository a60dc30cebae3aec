"""Plays one scenario for one client; README.md describes the steps."""

import concurrent.futures
import json
import re
import shutil
import time

import gate
from answer import at, mismatch, short
from catalog import NAMES, OPS, OTHERS, Failed


# Stays until it is known which of several times it is.
NUMBER = "${n}"


class Player:
    """One client at one scenario."""

    def __init__(self, world, runner, hello, scenario, apps, reasons, secrets,
                 meeting):
        self._world = world
        self._runner = runner
        self._scenario = scenario
        self._reasons = reasons
        self._secrets = secrets
        self._meeting = meeting
        self._apps = [app.app_id for app in apps.values()]
        self._faults = []
        self._gates = {}
        self._open = {"client": [], "source": []}
        self.kinds = {}
        ends = world.ends
        self._variables = {
            "language": hello["language"],
            "version": hello["client_version"],
            "user": f"{runner.name}-{scenario['name']}",
            "long": 600 * "x",
            "n": NUMBER,
            "certs": world.certs,
            "work": f"{world.dir}/{runner.name}-{scenario['name']}",
            "closed": ends.closed,
            "silent": ends.silent,
            **{name: app.app_id for name, app in apps.items()},
            **{name: server.address for name, server in world.servers.items()},
            **{f"{name}_port": str(server.target[1])
               for name, server in world.servers.items()},
        }

    def play(self):
        try:
            for number, step in enumerate(self._scenario["steps"], 1):
                try:
                    self._step(step)
                except Failed as failure:
                    raise Failed(f"step {number}: {failure}") from failure
        finally:
            self._meeting.leave()
            self._clean_up()

    def _clean_up(self):
        for number in self._faults:
            self._world.sim.call(f"faults?id={number}", method="DELETE")
        for op, kind, key in (("token_close", "source", "source"),
                              ("close", "client", "name")):
            for name in self._open[kind]:
                try:
                    self._runner.ask(op, {key: name})
                except Exception:
                    # The scenario has told already, or the next one will.
                    break
        for each in self._gates.values():
            each.close()

    # Variables.

    def _fill(self, value):
        """`value` with its ${variables} replaced."""
        if isinstance(value, dict):
            return {key: self._fill(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._fill(item) for item in value]
        if not isinstance(value, str):
            return value
        whole = re.fullmatch(r"\$\{(\w+)\}", value)
        if whole:
            return self._variable(whole[1])
        return re.sub(r"\$\{(\w+)\}",
                      lambda found: str(self._variable(found[1])), value)

    def _variable(self, name):
        if name not in self._variables:
            raise Failed(f"nothing has set ${{{name}}}")
        return self._variables[name]

    def _save(self, what, answer):
        for name, path in (what or {}).items():
            found = at(answer, path)
            if found is None:
                raise Failed(f"there is no {path} to save: {short(answer)}")
            self._variables[name] = found

    # Steps.

    def _step(self, step):
        if "call" in step:
            return self._call(step)
        verb = next(key for key in step if key in OPS or key in OTHERS)
        if verb in OPS:
            return self._op(verb, self._fill(step[verb]), step)
        getattr(self, f"_do_{verb}")(self._fill_shallow(verb, step[verb]), step)

    def _fill_shallow(self, verb, value):
        # Inner steps are filled when their turn comes.
        return value if verb == "once" else self._fill(value)

    def _call(self, step):
        args = {"client": self._fill(step.get("client", "main")),
                "method": step["call"],
                "request": step.get("request", {})}
        for key in ("deadline_ms", "traceparent"):
            if key in step:
                args[key] = step[key]
        self._op("call", self._fill(args), step)

    def _op(self, op, args, step):
        args = dict(args)
        if op in ("token_source", "authenticate"):
            args.setdefault("client", "main")
        each = [self._named(op, args, number)
                for number in range(1, step.get("times", 1) + 1)]
        _until(step.get("until_s", 0), lambda: self._attempt(op, each, step))

    def _named(self, op, args, number):
        """The arguments with the scenario's own names, which are kept in mind
        while what they name is open."""
        args = {key: value.replace(NUMBER, str(number))
                if isinstance(value, str) else value
                for key, value in args.items()}
        for key in NAMES:
            if key in args and args[key] != "main":
                args[key] = f"{self._scenario['name']}.{args[key]}"
        if op in ("open", "open_env"):
            self._open["client"].append(args["name"])
        elif op == "token_source":
            self._open["source"].append(args["name"])
        elif op in ("close", "token_close"):
            name = args.get("name", args.get("source"))
            for names in self._open.values():
                if name in names:
                    names.remove(name)
        return args

    def _attempt(self, op, each, step):
        times, args = len(each), each[0]
        began = time.monotonic()
        if times == 1:
            outcomes = [self._runner.ask(op, args)]
        else:
            with concurrent.futures.ThreadPoolExecutor(times) as pool:
                outcomes = list(pool.map(
                    lambda args: self._runner.ask(op, args), each))
        took_ms = (time.monotonic() - began) * 1000
        answers, complaints = [], []
        for ok, error in outcomes:
            try:
                answers.append(self._judge(op, ok, error, step))
            except Failed as failure:
                complaints.append(failure)
        if complaints and not (step.get("some") and answers):
            raise Failed(f"{op} {args.get('method', '')}: {complaints[0]}"
                         + (f" ({len(complaints)} of {times})"
                            if times > 1 else ""))
        if "takes_ms" in step:
            least, most = self._fill(step["takes_ms"])
            if not least <= took_ms <= most:
                raise Failed(f"{op} {args.get('method', '')}: wanted between "
                             f"{least} and {most} ms, it took {took_ms:.0f}")
        if "alike" in step:
            values = {json.dumps(at(each, step["alike"])) for each in answers}
            if len(values) != 1 or "null" in values:
                raise Failed(f"{op}: {len(values)} different {step['alike']}")
        self._save(step.get("save"), answers[0])

    def _judge(self, op, ok, error, step):
        """The answer, when it is what the step wants."""
        wanted = self._fill(step.get("fails"))
        if error is not None:
            self._check_error(error)
            if wanted is None:
                raise Failed(f"wanted success, got {short(error)}")
            self._check_failure(wanted, error)
            return error
        answer = ok["response"] if op == "call" else ok
        self._secrets.learn(answer)
        if wanted is not None:
            raise Failed(f"wanted {short(wanted)}, got success: "
                         f"{short(answer)}")
        problem = mismatch(self._fill(step.get("answers", {})), answer, "")
        if problem:
            raise Failed(problem)
        return answer

    def _check_error(self, error):
        """What holds of every error."""
        secret = self._secrets.inside(json.dumps(error))
        if secret is not None:
            raise Failed(f"an error holds the secret {secret}")
        for key in ("reason", "code", "message", "kind"):
            if not isinstance(error.get(key), str):
                raise Failed(f"an error has no {key}: {short(error)}")
        if not error["message"] or not error["kind"]:
            raise Failed(f"an error has no text: {short(error)}")
        request_id = error.get("request_id", "")
        if error["reason"] and not re.fullmatch("[0-9a-f]{16}", request_id):
            raise Failed(f"a server's error has no request_id: {short(error)}")
        if request_id not in error["message"]:
            raise Failed(f"a message has no request_id: {short(error)}")

    def _check_failure(self, wanted, error):
        if isinstance(wanted, str):
            wanted = {"reason": wanted}
        wanted = dict(wanted)
        reason = wanted.get("reason")
        if reason:
            wanted.setdefault("code", self._reasons[reason])
        message = wanted.pop("message", [])
        retry = wanted.pop("retry_after_ms", None)
        wrong = [f"{key} {value!r}" for key, value in wanted.items()
                 if error.get(key) != value]
        least, most = retry if isinstance(retry, list) else (retry, retry)
        if retry is not None and \
                not least <= error.get("retry_after_ms", -1) <= most:
            wrong.append(f"retry_after_ms {retry}")
        wrong += [f"a message with {part!r}" for part in message
                  if part not in error["message"]]
        if wrong:
            raise Failed(f"wanted {', '.join(wrong)}, got {short(error)}")
        if reason:
            self.kinds.setdefault(reason, set()).add(error["kind"])

    # Steps of the driver.

    def _do_session(self, name, step):
        web = name in ("official", "website")
        body = {"app_id": self._variable(name),
                "user": self._fill(step.get("user", "${user}"))}
        if "scope" in step:
            body["scope"] = step["scope"]
        code = self._sim("oauth_code" if web else "login_code", body)["code"]
        ok, error = self._runner.ask("call", {
            "client": "main", "method": "Login", "deadline_ms": 10000,
            "request": {
                "app_id": body["app_id"],
                "oauth_code" if web else "mini_program_code": code}})
        if error is not None:
            raise Failed(f"no session: {short(error)}")
        answer = ok["response"]
        self._secrets.learn(answer)
        prefix = step.get("as", "")
        prefix = prefix and f"{prefix}_"
        for key, path in (("token", "session_token"),
                          ("user_id", "user.user_id"),
                          ("openid", "identity.openid"),
                          ("unionid", "identity.unionid")):
            self._variables[prefix + key] = at(answer, path)
        self._variables[f"{prefix}code"] = code

    def _sim(self, call, body):
        answer = self._world.sim.call(call, body)
        self._secrets.learn(answer)
        if isinstance(answer.get("phone"), dict):
            self._secrets.learn({"phone_number": answer["phone"]["number"]})
        return answer

    def _do_sim(self, call, step):
        answer = self._sim(call, self._fill(step.get("with", {})))
        self._save(step.get("save"), answer)

    def _do_fault(self, rule, _):
        rule.setdefault("app_id", self._only_app())
        self._faults.append(self._world.sim.call("faults", rule)["id"])

    def _do_clear_faults(self, *_):
        while self._faults:
            self._world.sim.call(f"faults?id={self._faults.pop()}",
                                 method="DELETE")

    def _only_app(self):
        if len(self._apps) != 1:
            raise Failed("which app? the scenario has several: give app_id")
        return self._apps[0]

    def _do_sql(self, statement, _):
        self._world.sql(statement)

    def _do_gate(self, what, _):
        made = gate.Gate(self._world.servers[what["to"]].target,
                         what.get("watch", True), what.get("cut"))
        self._gates[what["name"]] = made
        self._variables[what["name"]] = made.address

    def _do_saw(self, what, _):
        if not self._gates[what["gate"]].saw(what["text"]):
            raise Failed(f"the client never sent {what['text']!r}")

    def _do_hold(self, name, _):
        self._gates[name].hold()

    def _do_copy(self, files, _):
        for each in files:
            # All at once, as certificates are renewed.
            shutil.copyfile(each["from"], f"{each['to']}.new")
            shutil.move(f"{each['to']}.new", each["to"])

    def _do_server(self, what, _):
        for action, name in what.items():
            getattr(self._world.servers[name], action)()

    def _do_postgres(self, what, _):
        self._world.postgres(what)

    def _do_once(self, steps, _):
        def act():
            for step in steps:
                self._step(step)
        self._meeting.act(act)

    def _do_counting(self, what, step):
        def count():
            if "rpc" in what:
                return self._world.servers[what["server"]].calls(what["rpc"])
            return self._world.sim.calls(
                what["path"], what.get("app_id") or self._only_app())

        def attempt():
            before = count()
            for inner in step["do"]:
                self._step(inner)
            got = count() - before
            wanted = step["is"]
            least, most = wanted if isinstance(wanted, list) \
                else (wanted, wanted)
            if not least <= got <= most:
                raise Failed(f"wanted {wanted} calls of "
                             f"{what.get('rpc') or what['path']}, "
                             f"counted {got}")
        _until(step.get("until_s", 0), attempt)

    def _do_equal(self, values, _):
        if values[0] != values[1]:
            raise Failed(f"two that must be equal are not: {short(values)}")

    def _do_different(self, values, _):
        if values[0] == values[1]:
            raise Failed(f"two that must differ are the same: {short(values)}")

    def _do_rises(self, values, _):
        if not int(values[0]) < int(values[1]):
            raise Failed(f"wanted it to rise, got {short(values)}")


def _until(seconds, attempt):
    """Tries again and again until the time is over; the last attempt begins
    then, so that what must hold by then is not missed by a slow one."""
    end = time.monotonic() + seconds
    while True:
        began = time.monotonic()
        try:
            return attempt()
        except Failed:
            if began >= end:
                raise
            time.sleep(min(0.05, max(0, end - time.monotonic())))
