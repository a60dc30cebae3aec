"""Certificates for the scenarios with TLS, made by openssl."""

import os
import subprocess

_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]


def make(folder):
    """Fills a folder: NAME.pem is a certificate, NAME.key its key.

    ca signs server, client and expired; stranger-ca signs stranger. The
    server's names are wxident.test, localhost and 127.0.0.1.
    """
    os.makedirs(folder)
    for ca in ("ca", "stranger-ca"):
        _openssl(folder, "req", "-x509", *_KEY, "-keyout", f"{ca}.key", "-out",
                 f"{ca}.pem", "-days", "30", "-subj", f"/CN=conformance {ca}")
    names = "DNS:wxident.test,DNS:localhost,IP:127.0.0.1"
    for name, ca, days, extensions in (
            ("server", "ca", 30, f"subjectAltName={names}\n"),
            ("client", "ca", 30, "extendedKeyUsage=clientAuth\n"),
            # It ended a day ago.
            ("expired", "ca", -1, "extendedKeyUsage=clientAuth\n"),
            ("stranger", "stranger-ca", 30, "extendedKeyUsage=clientAuth\n")):
        with open(f"{folder}/{name}.ext", "w", encoding="utf-8") as out:
            out.write("basicConstraints=critical,CA:FALSE\n" + extensions)
        _openssl(folder, "req", *_KEY, "-keyout", f"{name}.key", "-out",
                 f"{name}.csr", "-subj", f"/CN=conformance {name}")
        _openssl(folder, "x509", "-req", "-in", f"{name}.csr", "-CA",
                 f"{ca}.pem", "-CAkey", f"{ca}.key", "-CAcreateserial", "-days",
                 str(days), "-extfile", f"{name}.ext", "-out", f"{name}.pem")
        os.chmod(f"{folder}/{name}.key", 0o600)


def _openssl(folder, *arguments):
    done = subprocess.run(["openssl", *arguments], cwd=folder,
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"openssl {arguments[0]} failed: {done.stderr}")
