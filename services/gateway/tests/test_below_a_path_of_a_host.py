"""`WHARF_BASE_PATH`: a proxy shows the installation below a path, and takes that path away or leaves it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
from pydantic import ValidationError
from websockets.sync.client import connect

BASE = "/wharf"
ADDRESS = re.compile(r' (?:href|src|action|hx-get)="(/[^"]*)"')
MALICIOUS = ' href="/evil" <a href="/worse">'


@pytest.fixture(params=[BASE, ""], ids=["left", "taken away"])
def person(request, tenant, serve) -> Iterator[httpx.Client]:
    """The tenant's admin with a session, behind a proxy of either kind."""
    url = serve(base_path=BASE).url
    with httpx.Client(base_url=url + request.param, timeout=20) as client:
        answer = client.post("/login", data={"key": tenant.keys["admin"], "next": "/jobs?state=failed"})
        assert answer.headers["location"] == f"{BASE}/jobs?state=failed"
        client.headers["Cookie"] = answer.headers["set-cookie"].partition(";")[0]
        yield client


def addresses(page: str) -> set[str]:
    """Where a page's links, forms and files are, but for those below the base."""
    found = ADDRESS.findall(page)
    assert found
    return {address for address in found if not address.startswith(f"{BASE}/")}


@pytest.mark.parametrize("path", ["/", "/jobs", "/queues", "/schedules/new", "/webhooks/new", "/keys", "/audit"])
def test_pages_lead_below_the_path(person, path):
    """Every link, form, script and picture."""
    answer = person.get(path)
    assert answer.status_code == 200
    assert addresses(answer.text) == set()
    assert f'<meta name="wharf-base" content="{BASE}">' in answer.text


def test_what_people_wrote_stays_as_it_is(person, tenant):
    """Only the templates' own addresses are changed."""
    tenant.job(label=MALICIOUS)
    page = person.get("/jobs").text
    assert "href=&#34;/evil&#34;" in page
    assert "/evil" not in " ".join(ADDRESS.findall(page))


def test_files_of_pages_are_found(person):
    """Below the path, where the pages say that they are."""
    (script,) = [place for place in ADDRESS.findall(person.get("/jobs").text) if place.endswith("console.js")]
    host = person.base_url.copy_with(path="/")
    assert httpx.get(host.join(script)).headers["content-type"].startswith("text/javascript")


def test_the_cookie_is_for_the_path_alone(tenant, serve):
    """Other applications of the host are not sent it; leaving ends it where it was set."""
    with httpx.Client(base_url=serve(base_path=BASE).url + BASE, timeout=20) as client:
        begun = client.post("/login", data={"key": tenant.keys["admin"]}).headers["set-cookie"]
        assert "Path=/wharf;" in begun
        proof = re.findall(r'name="proof" value="([^"]+)"', client.get("/jobs").text)[0]
        ended = client.post("/logout", data={"proof": proof})
    assert "Path=/wharf;" in ended.headers["set-cookie"]
    assert ended.headers["location"] == f"{BASE}/login"


def test_who_is_not_known_comes_back_to_where_they_wanted(tenant, serve):
    """The page that is asked for after the log-in is one of ours, without the path; htmx is told alike."""
    url = serve(base_path=BASE).url + BASE
    assert httpx.get(f"{url}/jobs?state=failed").headers["location"] == f"{BASE}/login?next=%2Fjobs%3Fstate%3Dfailed"
    assert httpx.get(url).headers["location"] == f"{BASE}/login"
    assert httpx.get(f"{url}/jobs", headers={"HX-Request": "true"}).headers["hx-redirect"].startswith(f"{BASE}/login")


def test_the_api_answers_below_the_path(tenant, serve):
    """Where it leads a client has the path, a slash too many too; paths in bodies are the API's own."""
    url = serve(base_path=BASE).url
    with tenant.client(url=url + BASE) as client:
        sent = client.post("/api/v1/uploads", files={"file": ("a.csv", b"a,b\n1,2\n")}, data={"project_id": "p"})
        assert sent.headers["location"] == f"{BASE}{sent.json()['status_url']}"
        assert client.get(sent.json()["status_url"]).json()["job_id"] == sent.json()["job_id"]
        assert client.get("/api/v1/jobs/").headers["location"] == f"{url}{BASE}/api/v1/jobs"
        assert client.get("/openapi.json").json()["servers"] == [{"url": BASE}]
        assert addresses(client.get("/docs").text) == set()


def test_what_only_looks_like_the_path_is_not_below_it(tenant, serve):
    """`/wharfx` is nobody's; probes, which know no path, are answered."""
    with tenant.client(url=serve(base_path=BASE).url) as client:
        assert client.get("/wharfx/api/v1/jobs").status_code == 404
        assert client.get("/livez").status_code == 200


def test_sockets_are_below_it_too(tenant, serve):
    """As everything is."""
    job = tenant.job()
    url = serve(base_path=BASE).url.replace("http", "ws", 1)
    given = {"Authorization": f"Bearer {tenant.keys['viewer']}"}
    with connect(f"{url}{BASE}/api/v1/ws?job_id={job.job_id}", additional_headers=given, open_timeout=20) as socket:
        assert str(job.job_id) in str(socket.recv(timeout=20))


def test_places_of_others_are_left_alone(tenant, serve):
    """Without a base nothing is changed."""
    with httpx.Client(base_url=tenant.gateway.url, timeout=20) as client:
        begun = client.post("/login", data={"key": tenant.keys["admin"], "next": "/jobs"})
        assert (begun.headers["location"], "Path=/;" in begun.headers["set-cookie"]) == ("/jobs", True)


@pytest.mark.parametrize("given", ["wharf", "//host", "/a b", "/a//b", '/"x'])
def test_what_is_no_path_is_refused(given, serve):
    """At the start, not in every page."""
    with pytest.raises(ValidationError, match="base_path"):
        serve(base_path=given)


def test_a_slash_at_its_end_is_none(serve):
    """People write both."""
    url = serve(base_path="/tools/wharf/").url
    assert httpx.get(f"{url}/tools/wharf/jobs").headers["location"] == "/tools/wharf/login?next=%2Fjobs"
