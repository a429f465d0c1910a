"""Secrets in every form in which people write them, and texts that look like secrets and are none."""

from __future__ import annotations

import json
import time

import pytest

from tfmlflow.masking import MASK, is_secret, masked, masked_overrides, masked_text, secrets_in
from tfmlflow.masking.forms import masked_base64

S = "hunter2-correct"  # a secret
PEM = "-----BEGIN {kind} PRIVATE KEY-----\nMIIEowIBAAKCAQEA7\nQ2hlY2sgdGhpcyBvdXQ=\n-----END {kind} PRIVATE KEY-----"

TEXTS = {
    "override": f"+model.dsn=postgresql://u:{S}@host/db",
    "quoted override": f"'+model.password={S} {S}' seed=1",
    "mapping override": f"+model.auth={{user: me, client_secret: {S}, retries: 3}}",
    "comma in quotes": f'password="{S},{S}"',
    "space in quotes": f"password: '{S} {S}'",
    "doubled quotes": f"password: '{S}''{S}'",
    "escaped quotes": f'password = "{S}\\"{S}"',
    "plain yaml": f"db:\n  db_password: {S} {S}\n  user: me",
    "yaml block": f"passphrase: |\n  {S}\n  {S}\nuser: me",
    "ini": f"password = {S} {S}",
    "json": json.dumps({"user": "me", "apiKey": S}),
    "json in json": json.dumps({"body": json.dumps({"client_secret": S})}),
    "python": f'connect(user="me", password="{S}")',
    "environment": f"export DB_PASS={S}",
    "together": f"PGPASSWORD={S} psql",
    "subscript": f'os.environ["API_KEY"] = "{S}"',
    "flag": f"mytool --api-key {S} --n 3",
    "flag with =": f"mytool --password={S}",
    "pwd": f"Server=h;Uid=me;Pwd={S};Timeout=3",
    "account key": f"AccountName=me;AccountKey={S}==;Suffix=net",
    "header": f"curl -H 'Authorization: Bearer {S}' http://h",
    "basic": f"Authorization: Basic {S}=",
    "header in json": json.dumps({"Authorization": f"Bearer {S}"}),
    "bearer alone": f"sent Bearer {S}{S}",
    "query": f"GET https://h/x?api_key={S}&n=1",
    "signature": f"https://h/x?n=1&X-Amz-Signature={S}&sig={S}",
    "login": f"https://me:{S}@host/x",
    "token as login": f"https://{S}@github.com/me/x.git",
    "@ in a password": f"redis://me:a@{S}@host:6379/0",
    "/ in a password": f"postgresql://me:a/{S}@host/db",
    "both": f"mysql://me:a@b/{S}@host/db?x=1",
    "slack": f"https://hooks.slack.com/services/T000/B000/{S}",
    "discord": f"https://discord.com/api/webhooks/1/{S}",
    "quote in a password": f"postgresql://me:a'{S}@host/db",
    "double quote in a password": f'dsn postgresql://me:{S}"b@host/db end',
    "encoded address": f"uri=postgresql%3A%2F%2Fme%3A{S}%40host%2Fdb",
    "mysql -p": f"mysqldump -h h -u me -p{S} db",
    "mysql -p quoted": f"mysql -u me -p'{S} x' db",
    "sshpass": f"sshpass -p {S} ssh me@h",
    "redis-cli": f"redis-cli -h h -a {S} ping",
    "netrc": f"machine h login me password {S}",
    "private key": PEM.format(kind="RSA").replace("MIIEowIBAAKCAQEA7", S),
    "private key in a diff": "+" + PEM.format(kind="OPENSSH").replace("MIIEowIBAAKCAQEA7", S).replace("\n", "\n+"),
    "private key in a line": json.dumps(PEM.format(kind="EC").replace("MIIEowIBAAKCAQEA7", S)),
    "list": f"passwords:\n  - {S}\n  - {S}b\nuser: me",
    "list at the margin": f"passwords:\n- {S}\nuser: me",
    "nested": f"credentials:\n  user: me\n  value: {S}\nrows: 1",
    "json list": json.dumps({"passwords": [S, S]}),
    "nested mapping override": f"+a={{b:{{client_secret:{S}}}}} +c={{passwords:[{S},{S}]}}",
    "digits": f"password: {S}\nDB_PASS={S}",
    "annotated": f'api_key: str = "{S}"',
    "default of an argument": f'def f(user: str, password: str = "{S}"):',
    "long string": f'password = """{S}\n{S}"""',
    "default of a variable": f'os.getenv("DB_PASSWORD", "{S}") or os.environ.get("API_KEY", "{S}")',
    "tuple": f"('token', '{S}')",
    "list of arguments": f"['mytool', '--password', '{S}']",
    "xml": f"<password>{S}</password>",
    "dockerfile": f"ENV DB_PASSWORD {S}",
    "curl": f"curl -u me:{S} https://h",
    "auth": f"auth: {S}",
    "auth pair": f'auth=("me", "{S}")',
    "webhook": f"webhook_url=https://x.example/in/{S}",
    "written together": f"secretkey={S} authToken: {S}",
    "port-like": f"postgres://u:123/{S}@h/db",
    "discord v10": f"https://discord.com/api/v10/webhooks/1/{S}",
    "private key cut off": f"-----BEGIN PRIVATE KEY-----\n{S.replace('-', '') * 3}\n",
}
TOKENS = {
    "aws": "AKIA" + "ABCDEFGH12345678",
    "github": "ghp_" + "a1B2" * 9,
    "github fine": "github_pat_" + "a1B2" * 9,
    "gitlab": "glpat-" + "a1B2c3D4" * 3,
    "slack": "xoxb-" + "1234567890-abcdef",
    "hugging face": "hf_" + "aBcD" * 8,
    "openai": "sk-" + "proj-" + "aBcD" * 8,
    "google": "AIza" + "a1B2c" * 7,
    "npm": "npm_" + "a1B2" * 9,
    "gitlab trigger": "glptt-" + "a1b2c3d4" * 5,
    "google client": "GOCSPX-" + "a1B2c3D4" * 3,
    "jwt": "eyJhbGciOiJI" + "." + "eyJzdWIiOiIx" + "." + "c2lnbmF0dXJl",
}
HARMLESS = (
    "[Curves](#/experiments/1/runs?viewStateShareKey=tfmlflow-2b2782614c8e&compareRunsMode=CHART)",
    "max_tokens=5 num_tokens: 7 model.tokenizer=bert pad_token: '[PAD]'",
    "models:/name@champion and runs:/0123/model",
    "git+https://github.com/o/r@v1.2",
    "http://127.0.0.1:5000/#/experiments/1/runs/2",
    "https://host:8080/x/y@z",
    "the password is wrong: try again",
    "password_length: 12, token_count=3, api_key_file=/etc/key",
    "author: me, keyword=x, monkey: y, passes=3, bypass: none, compass: n",
    "use_password: true\npassword: null\nsecret=${oc.env:SECRET}",
    "tqdm: 100%|##########| 10/10 [00:01<00:00]",
    "sha256=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "optimizer.learning_rate=0.01 trainer.monitor=val_loss key=value",
    "sqlite:////home/me/mlflow.db",
    "PWD=/home/me",
    "https://h/x?page=1&code=python&key=val",
    "sk-learn-contrib-something-long",
    "credential_helper: cache, auth: none, auth_type=oauth",
    "numpy==1.26.4\nkeras==3.15.0",
)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_secrets_with_a_name_or_a_form_are_masked(text: str) -> None:
    said = masked_text(text)
    assert S not in said
    assert S.replace("-", "") not in said
    assert MASK in said
    assert said.count("\n") == text.count("\n")
    assert masked_text(said) == said


@pytest.mark.parametrize("token", TOKENS.values(), ids=TOKENS)
@pytest.mark.parametrize("around", ["{}", "x = f('{}')", "see {}, please", '"{}"', "a/{}/b"])
def test_tokens_of_services_are_masked_wherever_they_stand(token: str, around: str) -> None:
    said = masked_text(around.format(token))
    assert token not in said
    assert said == around.format(MASK)


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_secret_stays_as_it_is(text: str) -> None:
    assert masked_text(text) == text


def test_what_stands_around_a_secret_stays() -> None:
    assert masked_text(TEXTS["json"]) == json.dumps({"user": "me", "apiKey": MASK})
    assert masked_text(TEXTS["account key"]) == f"AccountName=me;AccountKey={MASK};Suffix=net"
    assert masked_text(TEXTS["login"]) == f"https://{MASK}@host/x"
    assert masked_text(TEXTS["mapping override"]) == f"+model.auth={{user: me, client_secret: {MASK}, retries: 3}}"
    assert masked_text(TEXTS["flag"]) == f"mytool --api-key {MASK} --n 3"


def test_of_a_program_only_what_stands_in_quotes_is_a_value() -> None:
    code = f'password = getpass()\ndef f(token: str, password=None):\n    secret = "{S}"  # the password\n'
    code += f'connect("host=h password={S} n=1")\napi_key: str = "{S}"\n# password: {S}\nf"password={{password}}"\n'
    assert masked_text(code, code=True) == code.replace(S, MASK)
    assert masked_text("db_password = 8273645511\n", code=True) == f"db_password = {MASK}\n"


def test_lines_of_a_key_in_a_patch_are_masked_without_its_first_line() -> None:
    text = f"@@ -3,2 +3,2 @@\n {'aB3/' * 16}\n+{'cD4+' * 16}\n rows: 1\n"
    assert masked_base64(text) == f"@@ -3,2 +3,2 @@\n {MASK}\n+{MASK}\n rows: 1\n"


@pytest.mark.parametrize(
    ("key", "value", "secret"),
    [
        ("DB_PASS", "12345678", True),
        ("db.password", 12345678, True),
        ("pwd", "1234", True),
        ("api-key", "x", True),
        ("model.client_secret.value", "x", True),
        ("clientSecret", "x", True),
        ("token", "x", True),
        ("token", "7", False),
        ("max_tokens", "x", False),
        ("eos_token", "</s>", False),
        ("password", "", False),
        ("password", None, False),
        ("password", True, False),
        ("secret", "${oc.env:SECRET}", False),
        ("key", "x", False),
        ("bypass", "x", False),
    ],
)
def test_which_settings_are_secrets(key: str, value: object, secret: bool) -> None:
    assert is_secret(key, value) is secret
    assert (masked(key, value) == MASK) is secret


def test_settings_in_lists_and_overrides() -> None:
    assert masked("urls", ["https://a:b@h", 3]) == [f"https://{MASK}@h", 3]
    assert masked_overrides(["+a.password=x,y z", "seed=1"]) == f"+a.password={MASK} seed=1"
    assert secrets_in({"a.password": S, "b": "x", "pin.secret": "ab"}) == {S}
    assert secrets_in({"passwords": [f"{S}1", f"{S}2"]}) == {f"{S}1", f"{S}2"}


@pytest.mark.parametrize(
    "text",
    [
        *(
            "a",
            "a ",
            "password=",
            "password=x ",
            "lr=0.1 loss: 3 ",
            "<secret>",
            "credentials:\n  a: b\n",
            "auth=(",
            "://u:",
            "=:",
            "'",
            "x@",
            "https://u:p@",
            "eyJ",
            "key",
            "\\",
            "token: '",
            "--",
        ),
        *("-----BEGIN PRIVATE KEY-----\n", "password: |\n", "login ", "?sig", "authorization:", "bearer ", "a.b-"),
    ],
)
def test_it_takes_time_in_proportion_to_the_text(text: str) -> None:
    def seconds(length: int) -> float:
        whole = "password://" + text * (length // len(text))
        began = time.perf_counter()
        masked_text(whole)
        return time.perf_counter() - began

    assert seconds(400_000) < 40 * min(seconds(40_000) for _ in range(3)) + 0.05
