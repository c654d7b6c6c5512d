"""Checks of the names that Google Cloud resources carry; no TFX and no cloud library needed."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping

from tfx_retrieval.errors import InputError, Problem

# TFX allows 128 characters, but Vertex AI makes a label value of the name, and those end at 63.
_PIPELINE_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_PROJECT = re.compile(r"(?:[a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]|[0-9]+")
_REGION = re.compile(r"[a-z]+-[a-z]+[0-9]+")
_IMAGE = re.compile(
    r"(?P<host>[a-z0-9.-]+\.[a-z]+(?::[0-9]+)?|localhost(?::[0-9]+)?)"
    r"(?P<path>(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)+)"
    r"(?P<tag>:[\w][\w.-]{0,127})?(?P<digest>@sha256:[0-9a-f]{64})?"
)
_SERVICE_ACCOUNT = re.compile(r"[a-z0-9][a-z0-9._-]*@[a-z0-9.-]+\.[a-z]+")
_NETWORK = re.compile(r"projects/[^/]+/global/networks/[a-z](?:[a-z0-9-]*[a-z0-9])?")
_KMS_KEY = re.compile(r"projects/[^/]+/locations/(?P<region>[^/]+)/keyRings/[^/]+/cryptoKeys/[^/]+")
_LABEL_KEY = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_LABEL_VALUE = re.compile(r"[a-z0-9_-]{0,63}")
_BUCKET_ROOT = re.compile(r"gs://[a-z0-9][a-z0-9._-]{1,220}[a-z0-9](?:/.*)?")
_JOB_ID = re.compile(r"[a-z][a-z0-9-]{0,127}")

DEFAULT_TFX_IMAGE_PREFIX = "gcr.io/tfx-oss-public/"


def nearest(name: str, known: Iterable[str]) -> str:
    """Returns a sentence that offers the known name closest to `name`.

    Args:
        name: What was given.
        known: What could have been given.

    Returns:
        "Did you mean x?", or the list of known names, or "There are none."
    """
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    if close:
        return f"Did you mean {close[0]!r}?"
    return f"Known: {', '.join(names)}." if names else "There are none."


def pipeline_name_problems(name: str) -> list[Problem]:
    """Returns what is wrong with a pipeline name.

    Args:
        name: The name given to the TFX pipeline.

    Returns:
        No problem or one.
    """
    if _PIPELINE_NAME.fullmatch(name):
        return []
    suggestion = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:63].rstrip("-")
    return [
        Problem(
            "pipeline name",
            repr(name),
            "1 to 63 lower-case letters, digits and hyphens, the first of them no hyphen",
            f"For example {suggestion!r}." if suggestion else "",
        )
    ]


def image_problems(image: str, where: str = "image") -> list[Problem]:
    """Returns what is wrong with the name of a container image.

    Args:
        image: The image, with registry host, path and tag or digest.
        where: What the problem says about its place.

    Returns:
        No problem or one.
    """
    if image.startswith(DEFAULT_TFX_IMAGE_PREFIX):
        return [
            Problem(
                where,
                repr(image),
                "an image that has tfx-retrieval installed",
                "The public TFX image has not. Build docker/Dockerfile and push it to an "
                "Artifact Registry of the region you run in.",
            )
        ]
    if not _IMAGE.fullmatch(image):
        return [
            Problem(
                where,
                repr(image),
                "an image with its registry, such as "
                "europe-west4-docker.pkg.dev/PROJECT/REPOSITORY/tfx-retrieval:0.1.0",
            )
        ]
    return []


def pipeline_root_problems(root: str, where: str = "pipeline root") -> list[Problem]:
    """Returns what is wrong with a pipeline root on Vertex AI.

    Args:
        root: The folder below which Vertex AI writes artifacts.
        where: What the problem says about its place.

    Returns:
        No problem or one.
    """
    if _BUCKET_ROOT.fullmatch(root):
        return []
    return [
        Problem(
            where,
            repr(root),
            "a Cloud Storage folder, gs://BUCKET/FOLDER, the bucket of 3 or more characters",
            "Vertex AI containers share no disk with this machine.",
        )
    ]


def _matching(
    value: str | None, pattern: re.Pattern[str], where: str, expected: str, remedy: str = ""
) -> list[Problem]:
    if value is None or pattern.fullmatch(value):
        return []
    return [Problem(where, repr(value), expected, remedy)]


def project_problems(project: str | None, where: str = "--project") -> list[Problem]:
    """Returns what is wrong with a Google Cloud project id; None is allowed."""
    return _matching(project, _PROJECT, where, "the id (not the title) of a Google Cloud project")


def region_problems(region: str | None, where: str = "--region") -> list[Problem]:
    """Returns what is wrong with the shape of a region's name; None is allowed."""
    return _matching(region, _REGION, where, "a Google Cloud region, such as europe-west4")


def service_account_problems(
    account: str | None, where: str = "--service-account"
) -> list[Problem]:
    """Returns what is wrong with a service account's address; None is allowed."""
    return _matching(
        account,
        _SERVICE_ACCOUNT,
        where,
        "the address of a service account, NAME@PROJECT.iam.gserviceaccount.com",
    )


def network_problems(network: str | None, where: str = "--network") -> list[Problem]:
    """Returns what is wrong with a VPC network's full name; None is allowed."""
    return _matching(
        network,
        _NETWORK,
        where,
        "the full name of a network, projects/PROJECT_NUMBER/global/networks/NAME",
    )


def encryption_key_problems(
    key: str | None, region: str | None, where: str = "--encryption-key"
) -> list[Problem]:
    """Returns what is wrong with a Cloud KMS key; None is allowed.

    Args:
        key: The key's full name.
        region: The region the job runs in; the key must be there too.
        where: What the problem says about its place.

    Returns:
        No problem or one.
    """
    if key is None:
        return []
    match = _KMS_KEY.fullmatch(key)
    if not match:
        return _matching(
            key,
            _KMS_KEY,
            where,
            "a Cloud KMS key, "
            "projects/PROJECT/locations/REGION/keyRings/RING/cryptoKeys/KEY without a version",
        )
    if region is not None and match["region"] != region:
        return [
            Problem(
                where, f"a key in {match['region']!r}", f"a key in the job's region, {region!r}"
            )
        ]
    return []


def label_problems(labels: Mapping[str, str], where: str = "--label") -> list[Problem]:
    """Returns what is wrong with resource labels.

    Args:
        labels: Keys and values.
        where: What the problems say about their place.

    Returns:
        One problem for each wrong key and each wrong value, and one for too many labels.
    """
    problems: list[Problem] = []
    for key, value in labels.items():
        problems += _matching(
            key,
            _LABEL_KEY,
            f"{where} {key}",
            "a key of 1 to 63 lower-case letters, digits, - and _, a letter first",
        )
        problems += _matching(
            value,
            _LABEL_VALUE,
            f"{where} {key}",
            "a value of at most 63 lower-case letters, digits, - and _",
        )
    if len(labels) > 64:
        problems.append(Problem(where, f"{len(labels)} labels", "at most 64 labels"))
    return problems


def job_id_problems(job_id: str | None, where: str = "--job-id") -> list[Problem]:
    """Returns what is wrong with a pipeline job id; None is allowed."""
    return _matching(
        job_id,
        _JOB_ID,
        where,
        "1 to 128 lower-case letters, digits and hyphens, a letter first",
    )


def raise_problems(problems: Iterable[Problem]) -> None:
    """Raises `InputError` if there are problems.

    Args:
        problems: What was found.

    Raises:
        InputError: With all of them.
    """
    found = tuple(problems)
    if found:
        raise InputError(found)
