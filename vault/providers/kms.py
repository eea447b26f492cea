"""The root key inside AWS KMS, through boto3 (vault.md §6.8). Needs the extra "aws".

Our context goes as encryption context, in base64 under the name "perusal"; KMS authenticates it and writes it
into its own log, and it holds random ids only. A wrapped key:

| offset | length | meaning                                                    |
|--------|--------|------------------------------------------------------------|
| 0      | 1      | version 1                                                  |
| 1      | 2      | length of the ARN                                          |
| 3      | n      | ARN of the KMS key that wrapped, in ASCII                  |
| 3 + n  | rest   | KMS's ciphertext of the key                                |

A blob opens under the configured keys only: the ARN inside it chooses among them and adds none.
"""

import base64
import logging
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from vault.providers.address import checked_address
from vault.providers.base import (
    Health,
    MissingExtra,
    ProviderDown,
    ProviderRefused,
    RotationUnsupported,
    try_out,
)
from vault.sealing.sealed import KEY_BYTES, Unopenable

try:
    import boto3
    from botocore import exceptions as failures
    from botocore.config import Config
except ImportError:
    raise MissingExtra('a root key in AWS KMS needs the extra "aws"') from None

# At its most talkative the library would log what it sends and receives, and that is a key.
logging.getLogger("botocore").setLevel(logging.WARNING)

_VERSION = b"\x01"
_LONGEST = 6_144
_ARN = re.compile(r"arn:[a-z0-9-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]{1,128}")
_UNDECIPHERABLE = ("InvalidCiphertextException", "IncorrectKeyException")
_BUSY = (
    "DependencyTimeoutException",
    "KeyUnavailableException",
    "KMSInternalException",
    "LimitExceededException",
    "RequestTimeout",
    "ServiceUnavailable",
    "ThrottlingException",
)
_UNFIT = (failures.NoCredentialsError, failures.PartialCredentialsError, failures.NoRegionError)


class KmsProvider:
    """Wraps tenant keys under the KMS key `key`: an ARN, an id, or "alias/..."; also unwraps under those of `also`.

    Credentials come from boto3's own chain (role, environment, profile). The role needs kms:Encrypt and
    kms:Decrypt, and kms:DescribeKey unless every key is given as an ARN. Raises ValueError for a bad endpoint.
    """

    name = "kms"

    def __init__(
        self,
        *,
        key: str,
        region: str,
        also: Sequence[str] = (),
        endpoint_url: str | None = None,
        profile: str | None = None,
        timeout: float = 5.0,
    ) -> None:
        if endpoint_url is not None:
            checked_address(endpoint_url)
        self._key, self._also, self._region = key, tuple(also), region
        self._known: frozenset[str] = frozenset()
        self._lock = threading.Lock()
        settings = Config(
            connect_timeout=timeout,
            read_timeout=timeout,
            retries={"mode": "standard", "total_max_attempts": 2},
        )
        self._endpoint = endpoint_url
        self._client = _asked(
            lambda: boto3.Session(profile_name=profile, region_name=region).client(
                "kms", endpoint_url=endpoint_url, config=settings
            )
        )

    def wrap(self, key: bytes, context: bytes) -> bytes:
        answer = _asked(
            lambda: self._client.encrypt(KeyId=self._key, Plaintext=key, EncryptionContext=_bound(context))
        )
        arn = str(answer["KeyId"]).encode()
        return _VERSION + len(arn).to_bytes(2) + arn + bytes(answer["CiphertextBlob"])

    def unwrap(self, blob: bytes, context: bytes) -> bytes:
        arn, ciphertext = _divide(blob)
        if arn not in self._keys():
            raise Unopenable("this key does not unwrap")
        answer = _asked(
            lambda: self._client.decrypt(
                KeyId=arn, CiphertextBlob=ciphertext, EncryptionContext=_bound(context)
            )
        )
        key = bytes(answer["Plaintext"])
        if len(key) != KEY_BYTES:
            raise Unopenable("this key does not unwrap")
        return key

    def version_of(self, blob: bytes) -> str:
        """The ARN of the KMS key; KMS keeps versions of one key's material to itself."""
        return _divide(blob)[0]

    def prepare(self) -> None:
        """Look the key up: making one is for whoever owns the account."""
        _asked(lambda: self._client.describe_key(KeyId=self._key))

    def rotate(self) -> None:
        raise RotationUnsupported(
            'KMS renews the material of its keys itself; for another root configure a new key and list this one in "also"'
        )

    def health(self) -> Health:
        return try_out(self)

    def describe(self) -> Mapping[str, str]:
        return {
            "provider": self.name,
            "root": self._arn(self._key),
            "key": self._key,
            "also": " ".join(self._also),
            "region": self._region,
            "endpoint": self._endpoint or "",
        }

    def _keys(self) -> frozenset[str]:
        with self._lock:
            if not self._known:
                self._known = frozenset(self._arn(key) for key in (self._key, *self._also))
            return self._known

    def _arn(self, key: str) -> str:
        if _ARN.fullmatch(key):
            return key
        return str(_asked(lambda: self._client.describe_key(KeyId=key))["KeyMetadata"]["Arn"])


def _asked(call: Callable[[], Any]) -> Any:
    """What `call` returns; the library's exceptions as ours, by their code and without their text."""
    try:
        return call()
    except failures.ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        raise _translated(code, status) from None
    except _UNFIT as error:
        raise ProviderRefused(f"KMS cannot be asked ({type(error).__name__})") from None
    except failures.ProfileNotFound:
        raise ProviderRefused("KMS cannot be asked: there is no such profile") from None
    except failures.BotoCoreError as error:
        raise ProviderDown(f"KMS does not answer ({type(error).__name__})") from None


def _translated(code: str, status: int) -> Exception:
    if code in _UNDECIPHERABLE:
        return Unopenable("this key does not unwrap")
    shown = code if re.fullmatch(r"[A-Za-z.]{1,64}", code) else "unknown code"
    if code in _BUSY or status == 429 or status >= 500:
        return ProviderDown(f"KMS is not ready ({shown})")
    return ProviderRefused(f"KMS refused ({shown})")


def _bound(context: bytes) -> dict[str, str]:
    return {"perusal": base64.b64encode(_VERSION + context).decode()}


def _divide(blob: bytes) -> tuple[str, bytes]:
    end = 3 + int.from_bytes(blob[1:3])
    arn = blob[3:end].decode("ascii", "replace")
    if blob[:1] != _VERSION or not _ARN.fullmatch(arn) or not 0 < len(blob) - end <= _LONGEST:
        raise Unopenable("this key does not unwrap")
    return arn, blob[end:]
