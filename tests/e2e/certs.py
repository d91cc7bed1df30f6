"""A throwaway certificate authority for one test run, made with the openssl command.

`Certs` writes ca.pem and gives ssl contexts for servers that are right, expired, for another
name, or signed by nobody. Keys are P-256, so making all of them takes a few hundredths of a second.
"""

import pathlib
import shutil
import ssl
import subprocess
import tempfile


class Certs:
    def __init__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="sluice-certs-"))
        self.ca = self.dir / "ca.pem"
        self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                      "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "30",
                      "-subj", "/CN=Sluice test CA",
                      "-addext", "basicConstraints=critical,CA:TRUE",
                      "-addext", "keyUsage=critical,keyCertSign,cRLSign")

    def _openssl(self, *args):
        done = subprocess.run(["openssl", *args], cwd=self.dir, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"openssl {args[0]}: {done.stderr}")

    def leaf(self, name, names="IP:127.0.0.1,DNS:localhost", expired=False):
        """Makes NAME.pem and NAME.key signed by the CA."""
        self._openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                      "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr",
                      "-subj", f"/CN={name}")
        (self.dir / "serial.txt").write_text("01\n")
        (self.dir / "index.txt").write_text("")
        (self.dir / "ca.cnf").write_text(
            "[ca]\ndefault_ca=c\n[c]\nnew_certs_dir=.\ndatabase=index.txt\nserial=serial.txt\n"
            "private_key=ca.key\ncertificate=ca.pem\ndefault_md=sha256\npolicy=p\nunique_subject=no\n"
            f"x509_extensions=x\n[p]\ncommonName=supplied\n[x]\nsubjectAltName={names}\n"
            "basicConstraints=critical,CA:FALSE\nextendedKeyUsage=serverAuth\n")
        dates = ["-startdate", "20200101000000Z", "-enddate", "20210101000000Z"] if expired \
            else ["-days", "20"]
        self._openssl("ca", "-batch", "-notext", "-config", "ca.cnf", "-in", f"{name}.csr",
                      "-out", f"{name}.pem", *dates)

    def server(self, name="good", **how):
        """An ssl.SSLContext of a server with this certificate."""
        if not (self.dir / f"{name}.pem").exists():
            self.leaf(name, **how)
        return self._context(name)

    def self_signed(self):
        self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                      "-nodes", "-keyout", "alone.key", "-out", "alone.pem", "-days", "30",
                      "-subj", "/CN=localhost",
                      "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost")
        return self._context("alone")

    def _context(self, name):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.dir / f"{name}.pem", self.dir / f"{name}.key")
        return context

    def client(self):
        """An ssl.SSLContext of a client that trusts this CA alone."""
        return ssl.create_default_context(cafile=str(self.ca))

    def remove(self):
        shutil.rmtree(self.dir, ignore_errors=True)
