"""Certificates for the scenarios with TLS, made by openssl."""

import os
import subprocess

_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]

# Callers' ids begin so.
CALLERS = "spiffe://wxident.test"


def make(folder, languages):
    """Fills a folder: NAME.pem is a certificate, NAME.key its key.

    ca signs the server and all callers but stranger; revoked.crl takes revoked
    back. The server's names are wxident.test, localhost and 127.0.0.1. A
    caller's id is CALLERS/NAME, and of slow-LANGUAGE CALLERS/slow/LANGUAGE;
    nameless has none, and twofold has two.
    """
    os.makedirs(folder)
    for ca in ("ca", "stranger-ca"):
        _openssl(folder, "req", "-x509", *_KEY, "-keyout", f"{ca}.key", "-out",
                 f"{ca}.pem", "-days", "30", "-subj", f"/CN=conformance {ca}")
    _sign(folder, "server", "DNS:wxident.test,DNS:localhost,IP:127.0.0.1")
    for name in ("client", "guest", "revoked"):
        _sign_caller(folder, name, f"URI:{CALLERS}/{name}")
    for language in languages:
        _sign_caller(folder, f"slow-{language}",
                     f"URI:{CALLERS}/slow/{language}")
    _sign_caller(folder, "nameless", "DNS:wxident.test")
    _sign_caller(folder, "twofold",
                 f"URI:{CALLERS}/client,URI:{CALLERS}/guest")
    # It ended a day ago.
    _sign_caller(folder, "expired", f"URI:{CALLERS}/client", days=-1)
    _sign_caller(folder, "stranger", f"URI:{CALLERS}/client", ca="stranger-ca")
    _revoke(folder, "revoked")


def _sign_caller(folder, name, names, ca="ca", days=30):
    _sign(folder, name, names, ca, days, "extendedKeyUsage=clientAuth\n")


def _sign(folder, name, names, ca="ca", days=30, extensions=""):
    with open(f"{folder}/{name}.ext", "w", encoding="utf-8") as out:
        out.write("basicConstraints=critical,CA:FALSE\n"
                  f"subjectAltName={names}\n" + extensions)
    _openssl(folder, "req", *_KEY, "-keyout", f"{name}.key", "-out",
             f"{name}.csr", "-subj", f"/CN=conformance {name}")
    _openssl(folder, "x509", "-req", "-in", f"{name}.csr", "-CA", f"{ca}.pem",
             "-CAkey", f"{ca}.key", "-CAcreateserial", "-days", str(days),
             "-extfile", f"{name}.ext", "-out", f"{name}.pem")
    os.chmod(f"{folder}/{name}.key", 0o600)


def _revoke(folder, name):
    """Writes NAME.crl, of ca, which takes NAME back."""
    with open(f"{folder}/ca.conf", "w", encoding="utf-8") as out:
        out.write("[ca]\ndefault_ca = own\n[own]\ndatabase = ca.index\n"
                  "default_md = sha256\ndefault_crl_days = 30\n")
    open(f"{folder}/ca.index", "w", encoding="utf-8").close()
    ca = ["ca", "-config", "ca.conf", "-cert", "ca.pem", "-keyfile", "ca.key"]
    _openssl(folder, *ca, "-revoke", f"{name}.pem")
    _openssl(folder, *ca, "-gencrl", "-out", f"{name}.crl")


def _openssl(folder, *arguments):
    done = subprocess.run(["openssl", *arguments], cwd=folder,
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"openssl {arguments[0]} failed: {done.stderr}")
