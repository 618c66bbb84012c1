"""A cluster that speaks TLS: every node is reached over it, also those that only the first one told of."""

from __future__ import annotations

from pathlib import Path

import pytest
import trustme

from tests.cluster import Cluster
from tests.conftest import Open, Until
from tests.servers import GENERATIONS, HOST, Server, free_port
from tui.engine.address import Address, Tls
from tui.engine.survey import Survey


class TlsCluster(Cluster):
    """Talks TLS among its nodes and, on a port beside the plain one, with clients."""

    def _server(self, *arguments: str) -> Server:
        return super()._server(*arguments, "--tls-port", str(free_port()), "--tls-cluster", "yes")

    def _meet(self) -> None:
        for server in self.all:
            for other in self.all:
                if other is not server:
                    reply = server.ask("CLUSTER", "MEET", HOST, tls_port(other), *self._bus_port(other))
                    assert reply == b"OK", reply


def tls_port(server: Server) -> int:
    return int(server.ask("CONFIG", "GET", "tls-port")[1])


@pytest.mark.skipif(GENERATIONS["system"] is None, reason="no server of this machine was built with TLS")
async def test_every_node_of_a_cluster_is_reached_over_tls(tmp_path: Path, open_session: Open, until: Until) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost", HOST)
    files = {name: str(tmp_path / name) for name in ("cert", "key", "authority")}
    certificate.cert_chain_pems[0].write_to_path(files["cert"])
    certificate.private_key_pem.write_to_path(files["key"])
    authority.cert_pem.write_to_path(files["authority"])
    own = ("--tls-cert-file", files["cert"], "--tls-key-file", files["key"], "--tls-ca-cert-file", files["authority"])
    with TlsCluster("system", 3, 0, *own, "--tls-auth-clients", "no") as cluster:
        cluster.fill(("SET", f"key:{number}", "x") for number in range(300))
        ports = [tls_port(node) for node in cluster.nodes]
        address = Address("localhost", ports[0], tls=Tls(ca_file=files["authority"]))
        session = open_session(cluster.nodes[0], address)
        survey = session.of(Survey).feed
        with survey.hold():
            await until(lambda: survey.latest and survey.latest.complete)
        assert survey.latest is not None
        assert (survey.latest.scanned, survey.latest.failure) == (300, None)
        assert [node.address.port for node in session.deployment.nodes] == ports
        assert all(node.address.tls is not None for node in session.deployment.nodes)
