"""Upload forms: how they are read, what their policy has to say of them, and what their signature covers."""

import base64
import dataclasses
import json
from functools import partial

import pytest

from authsvc import signing
from authsvc.errors import (
    DuplicateParameter,
    FileTooLarge,
    FileTooSmall,
    InvalidPolicyDocument,
    MalformedForm,
    MalformedParameters,
    MalformedTarget,
    MissingParameter,
    MultipleMechanisms,
    PolicyUnmet,
    SignatureMismatch,
    Unsigned,
    UnsignedHeaders,
)
from authsvc.model import Secret
from authsvc.signing import SignedRequest
from authsvc.signing.postpolicy import read_policy
from tests import claims
from tests.signers import (
    ACCESS_KEY,
    SECRET_KEY,
    multipart,
    policy_of,
    posted,
    v2_form,
    v4_form,
    v4_header,
    v4_presigned,
)
from tests.standins import SCHEMES

SECRET = Secret(SECRET_KEY)
EITHER = pytest.mark.parametrize("form", [v4_form, v2_form])
refused = partial(claims.refused, SCHEMES)


def proven(request):
    claim = signing.read(SCHEMES, request)
    signing.prove(SCHEMES, claim, SECRET)
    return claim


def agreed(request):
    claim = proven(request)
    assert claim.objection is None
    return claim


def objected(request, kind=PolicyUnmet):
    """The signature is good, and the form is not what was signed for."""
    objection = proven(request).objection
    assert type(objection) is kind
    return objection.message


def test_what_a_claim_of_v4_says():
    claim = agreed(v4_form(target="/bucket?a=1&b"))
    assert (claim.scheme, claim.access_key) == ("sigv4-post", ACCESS_KEY)
    assert (claim.signed_at, claim.expires_at) == (1369353600.0, 1369440000.0)
    assert (claim.scope.date, claim.scope.region, claim.scope.service) == ("20130524", "us-east-1", "s3")
    assert (claim.payload, claim.body_sha256, claim.token) == ("unsigned", None, None)
    assert (claim.signed_headers, claim.unsigned_query) == ((), ("a", "b"))
    assert (claim.upload.bucket, claim.upload.key) == ("bucket", "user/a.txt")


def test_what_a_claim_of_v2_says():
    claim = agreed(v2_form())
    assert (claim.scheme, claim.access_key) == ("s3v2-post", ACCESS_KEY)
    assert (claim.signed_at, claim.expires_at, claim.scope) == (None, 1369440000.0, None)
    assert (claim.payload, claim.upload.bucket, claim.upload.key) == ("unsigned", "bucket", "user/a.txt")


@EITHER
def test_a_session_token_is_covered_and_reported(form):
    token = ("x-amz-security-token", "t")
    assert agreed(form(fields=[token])).token == "t"
    assert "Extra input fields: x-amz-security-token" in objected(form(uncovered=[token]))


# Where to


@EITHER
@pytest.mark.parametrize(
    ("target", "bucket"), [("/bucket", None), ("/bucket/", None), ("/b%75cket", None), ("/", "bucket")]
)
def test_the_bucket_is_that_of_the_path_or_of_the_host(form, target, bucket):
    assert agreed(form(target=target, bucket=bucket)).upload.bucket == "bucket"


@EITHER
@pytest.mark.parametrize(("target", "bucket"), [("/other", None), ("/", "other"), ("/Bucket", None)])
def test_another_bucket_than_the_policy_names(form, target, bucket):
    message = objected(form(target=target, bucket=bucket))
    assert message == 'Invalid according to Policy: Policy Condition failed: ["eq", "$bucket", "bucket"]'


@EITHER
@pytest.mark.parametrize(
    ("target", "bucket"), [("/", None), ("/bucket/key", None), ("/bucket//", None), ("/bucket", "bucket"), ("/%FF", None)]
)  # fmt: skip
def test_a_form_is_sent_to_the_root_of_a_bucket(form, target, bucket):
    refused(form(target=target, bucket=bucket), MalformedForm)


def test_a_field_may_repeat_the_bucket_and_not_change_it():
    agreed(v4_form(uncovered=[("bucket", "bucket")]))
    refused(v4_form(uncovered=[("bucket", "other")]), DuplicateParameter)


def test_a_broken_target():
    refused(v4_form(target="/buck%2"), MalformedTarget)


# The policy and the form, both ways


@EITHER
def test_a_bucket_that_no_condition_names(form):
    policy = policy_of([], [["starts-with", "$key", ""]], bucket="bucket")
    document = json.loads(base64.b64decode(policy))
    document["conditions"] = [one for one in document["conditions"] if one != {"bucket": "bucket"}]
    if form is v4_form:
        document["conditions"] += [
            ["starts-with", f"$x-amz-{name}", ""] for name in ("algorithm", "credential", "date")
        ]
    policy = base64.b64encode(json.dumps(document).encode()).decode()
    assert objected(form(policy=policy)) == "Invalid according to Policy: Extra input fields: bucket"


@EITHER
@pytest.mark.parametrize(
    ("conditions", "fields"),
    [
        ([["eq", "$key", "user/a.txt"]], []),
        ([{"key": "user/a.txt"}], []),
        ([{"KEY": "user/a.txt"}], []),
        ([["EQ", "$KeY", "user/a.txt"]], []),
        ([["StArTs-WiTh", "$kEy", "user/"], ["starts-with", "$Key", ""]], []),
        ([["starts-with", "$key", ""], ["eq", "$content-type", "text/plain"]], [("Content-Type", "text/plain")]),
        ([["starts-with", "$key", ""], ["starts-with", "$Content-Type", "text/"]], [("content-type", "text/a, text/b")]),
        ([["starts-with", "$key", ""], ["starts-with", "$tagging", ""]], [("tagging", "<Tagging/>")]),
        ([["starts-with", "$key", ""]], [("x-ignore-foo", "bar"), ("X-Ignore-", "")]),
        ([["starts-with", "$key", ""], ["starts-with", "$x-amz-meta-a", ""]], [("x-amz-meta-a", "")]),
        ([["starts-with", "$key", ""], {"x-amz-meta-a": "ü\U0001f600"}], [("x-amz-meta-a", "ü\U0001f600")]),
    ],
)  # fmt: skip
def test_forms_that_agree(form, conditions, fields):
    agreed(form(conditions=conditions, uncovered=fields))


@EITHER
@pytest.mark.parametrize(
    ("conditions", "fields", "failed"),
    [
        ([["starts-with", "$key", "other/"]], [], '["starts-with", "$key", "other/"]'),
        ([["eq", "$key", "user/"]], [], '["eq", "$key", "user/"]'),
        ([["eq", "$key", "USER/A.TXT"]], [], '["eq", "$key", "USER/A.TXT"]'),
        ([{"key": "user/b"}], [], '["eq", "$key", "user/b"]'),
        ([["eq", "key", "user/a.txt"]], [], '["eq", "key", "user/a.txt"]'),
        ([["starts-with", "$", ""]], [], '["starts-with", "$", ""]'),
        ([["starts-with", "$x-amz-meta-a", ""]], [], '["starts-with", "$x-amz-meta-a", ""]'),
        ([{"acl": "private"}], [("acl", "public-read")], '["eq", "$acl", "private"]'),
        (
            [["starts-with", "$Content-Type", "text/"]],
            [("Content-Type", "text/a,image/b")],
            '["starts-with", "$Content-Type", "text/"]',
        ),
    ],
)
def test_a_condition_that_does_not_hold(form, conditions, fields, failed):
    message = objected(form(conditions=conditions, uncovered=fields))
    assert message == f"Invalid according to Policy: Policy Condition failed: {failed}"


@EITHER
@pytest.mark.parametrize(
    "name", ["acl", "Content-Type", "x-amz-meta-a", "success_action_redirect", "x-amz-website-redirect-location", "submit"]
)  # fmt: skip
def test_a_field_without_a_condition(form, name):
    message = objected(form(uncovered=[(name, "x")]))
    assert message == f"Invalid according to Policy: Extra input fields: {name.lower()}"


@pytest.mark.parametrize("name", ["x-amz-algorithm", "x-amz-credential", "x-amz-date"])
def test_the_fields_of_a_v4_signature_have_conditions_too(name):
    own = {"x-amz-algorithm": "", "x-amz-credential": "", "x-amz-date": ""}
    conditions = [["starts-with", f"${other}", ""] for other in own if other != name]
    policy = policy_of([], [["starts-with", "$key", ""], *conditions])
    assert objected(v4_form(policy=policy)).endswith(f"Extra input fields: {name}")


def test_a_session_token_in_a_condition_is_not_shown():
    message = objected(v4_form(conditions=[{"x-amz-security-token": "hush"}]))
    assert message.endswith('Policy Condition failed: ["eq", "$x-amz-security-token", "(concealed)"]')


@EITHER
def test_what_comes_after_the_file_is_ignored(form):
    tail = b'--9431149156168\r\nContent-Disposition: form-data; name="acl"\r\n\r\npublic-read\r\n'
    agreed(form(tail=tail))


# ${filename}


@EITHER
@pytest.mark.parametrize(
    ("filename", "key"),
    [("a.txt", "user/a.txt"), ("C:\\\\dir\\\\a.txt", "user/a.txt"), ("/etc/a.txt", "user/a.txt"), ("", "user/"),
     ("é b.txt", "user/é b.txt"), (None, "user/"), ("../a", "user/a")],
)  # fmt: skip
def test_the_files_name_takes_its_place(form, filename, key):
    assert agreed(form(key="user/${filename}", filename=filename)).upload.key == key


@EITHER
def test_conditions_are_asked_of_the_name_that_took_its_place(form):
    assert "failed" in objected(form(key="${filename}", filename="evil.txt"))
    agreed(form(key="${filename}", filename="good.txt", conditions=[["starts-with", "$key", "good"]]))
    assert "failed" in objected(form(key="user/${filename}", conditions=[{"key": "user/${filename}"}]))


def test_a_name_that_is_encoded():
    def renamed(request):
        old, new = b'; filename="file.txt"', b"; filename*=utf-8''%C3%A9.txt"
        return dataclasses.replace(request, body=request.body.replace(old, new))

    agreed(renamed(v4_form()))
    refused(renamed(v4_form(key="user/${filename}")), MalformedForm)
    both = v4_form()
    body = both.body.replace(b'filename="file.txt"', b"filename=\"file.txt\"; filename*=utf-8''x")
    refused(dataclasses.replace(both, body=body), MalformedForm)


# The size of the file


@EITHER
@pytest.mark.parametrize(
    ("bounds", "length_range", "kind"),
    [
        ([[0, 4]], (0, 4), None),
        ([[4, 4]], (4, 4), None),
        ([["1", "10"]], (1, 10), None),
        ([[0, 10], [2, 20]], (2, 10), None),
        ([[0, 3]], (0, 3), FileTooLarge),
        ([[0, 10], [0, 3]], (0, 3), FileTooLarge),
        ([[5, 10]], (5, 10), FileTooSmall),
    ],
)
def test_a_whole_file_is_measured(form, bounds, length_range, kind):
    ranges = [["content-length-range", low, high] for low, high in bounds]
    claim = proven(form(conditions=[["starts-with", "$key", ""], *ranges]))
    assert claim.upload.length_range == length_range
    assert claim.upload.size == 4
    assert (None if claim.objection is None else type(claim.objection)) is kind


def test_a_file_of_the_wrong_size_says_which_would_be_right():
    conditions = [["starts-with", "$key", ""], ["content-length-range", 5, 10]]
    assert proven(v4_form(conditions=conditions)).objection.detail == {
        "proposed_size": 4,
        "min_size_allowed": 5,
    }
    assert proven(v4_form(conditions=conditions, file=b"x" * 11)).objection.detail == {
        "proposed_size": 11,
        "max_size_allowed": 10,
    }


@pytest.mark.parametrize("cut", range(-20, -2))
def test_a_file_that_is_cut_is_not_measured(cut):
    claim = agreed(
        v4_form(conditions=[["starts-with", "$key", ""], ["content-length-range", 0, 1]], cut=cut, file=b"x")
    )
    assert (claim.upload.size, claim.upload.length_range) == (None, (0, 1))


def test_a_line_of_the_file_that_begins_like_its_end():
    claim = agreed(v4_form(file=b"a\r\n--9431149156168x"))
    assert claim.upload.size == 19


# Policies that are none


def encoded(document):
    text = document if isinstance(document, str) else json.dumps(document)
    return base64.b64encode(text.encode()).decode()


END = {"expiration": "2013-05-25T00:00:00Z"}
OPEN = {**END, "conditions": []}


def conditions(*given):
    return {**END, "conditions": list(given)}


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ("", "Invalid JSON."),
        ("invalid_base64", "invalid Base64 encoding."),
        ("e30", "invalid Base64 encoding."),
        ("e30=\n", "invalid Base64 encoding."),
        ("é", "invalid Base64 encoding."),
        (base64.b64encode(b"\xff{}").decode(), "invalid Base64 encoding."),
        (encoded("invalid json"), "Invalid JSON."),
        (encoded("[]"), "Invalid JSON."),
        (encoded('"x"'), "Invalid JSON."),
        (encoded("{} {}"), "Invalid JSON."),
        (encoded('{"a": NaN}'), "Invalid JSON."),
        (encoded("[" * 100000), "Invalid JSON."),
        (encoded('{"a": ' + "1" * 5000 + "}"), "Invalid JSON."),
        (encoded({"conditions": []}), "Policy missing expiration."),
        (encoded({"EXPIRATION": "2013-05-25T00:00:00Z", "conditions": []}), "Unexpected: 'EXPIRATION'."),
        (encoded(END), "Policy missing conditions."),
        (encoded({**OPEN, "extra": 1}), "Unexpected: 'extra'."),
        (encoded('{"expiration": "2013-05-25T00:00:00Z", "expiration": "x", "conditions": []}'), "a name is given twice."),
        (encoded({**OPEN, "expiration": True}), "Invalid JSON."),
        (encoded({**OPEN, "expiration": 1369440000}), "Invalid JSON."),
        (encoded({**OPEN, "expiration": "invalid"}), "Invalid 'expiration' value: 'invalid'"),
        (encoded({**OPEN, "expiration": "2013-05-25 00:00:00"}), "Invalid 'expiration' value: '2013-05-25 00:00:00'"),
        (encoded({**OPEN, "expiration": "2013-05-25T00:00:00"}), "Invalid 'expiration' value: '2013-05-25T00:00:00'"),
        (encoded({**END, "conditions": True}), "Invalid 'conditions' value: must be a List."),
        (encoded({**END, "conditions": {}}), "Invalid 'conditions' value: must be a List."),
        (encoded(conditions(True)), "Invalid condition test: must be a List or Object."),
        (encoded(conditions("eq")), "Invalid condition test: must be a List or Object."),
        (encoded(conditions([])), "Invalid Condition: missing operation identifier."),
        (encoded(conditions(["invalid", "$key", "x"])), "Invalid Condition: unknown operation 'invalid'."),
        (encoded(conditions([1, "$key", "x"])), "Invalid Condition: unknown operation '1'."),
        (encoded(conditions(["eq", "$key", "x", "y"])), "Invalid eq: wrong number of arguments."),
        (encoded(conditions(["starts-with", "$key"])), "Invalid starts-with: wrong number of arguments."),
        (encoded(conditions(["eq", False, "x"])), "Invalid JSON."),
        (encoded(conditions(["eq", "$key", True])), "Invalid JSON."),
        (encoded(conditions(["eq", "$key", ["x"]])), "Invalid JSON."),
        (encoded(conditions({})), "Invalid Simple-Condition: Simple-Conditions must have exactly one property specified."),
        (encoded(conditions({"a": "1", "b": "2"})), "Invalid Simple-Condition: Simple-Conditions must have exactly one property specified."),
        (encoded(conditions({"a": True})), "Invalid Simple-Condition: value must be a string."),
        (encoded(conditions(["content-length-range", 0])), "Invalid content-length-range: wrong number of arguments."),
        (encoded(conditions(["content-length-range", 12, False])), "Invalid JSON."),
        (encoded(conditions(["content-length-range", -1, 0])), "Invalid JSON."),
        (encoded(conditions(["content-length-range", 0.5, 1])), "Invalid JSON."),
        (encoded(conditions(["content-length-range", "a", "14"])), "Invalid JSON."),
        (encoded(conditions(["content-length-range", 0, "٣"])), "Invalid JSON."),
        (encoded(conditions(["content-length-range", 2, 1])), "Invalid content-length-range: the least is more than the most."),
    ],
)  # fmt: skip
def test_a_policy_that_is_none(policy, said):
    with pytest.raises(InvalidPolicyDocument) as caught:
        read_policy(policy)
    assert caught.value.message == f"Invalid Policy: {said}"
    refused(v4_form(policy=policy), InvalidPolicyDocument)


def test_a_dollar_sign_may_be_written_as_aws_has_it():
    policy = encoded(
        '{"expiration": "2013-05-25T00:00:00Z", "conditions": [["eq", "$key", "\\$foo"], ["eq", "$a", "\\\\$foo"]]}'
    )
    assert [one.value for one in read_policy(policy).conditions] == ["$foo", "\\$foo"]


# Forms that are none


def form_of(body, content_type='multipart/form-data; boundary="b"', **rest):
    return SignedRequest(
        method="POST", target="/bucket", headers=(("Content-Type", content_type),), body=body, **rest
    )


PART = b'--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\nx\r\n'
MARKED = PART % b"x-amz-signature"
END_OF_FORM = b"--b--\r\n"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"x-amz-signature",
        b"\r\n" + MARKED + END_OF_FORM,
        b"preamble\r\n" + MARKED + END_OF_FORM,
        MARKED,
        MARKED[:-3],
        b"--b\r\n\r\nx\r\n" + END_OF_FORM,
        b"--b\r\n\r\nx\r\n" + MARKED + END_OF_FORM,
        MARKED + b"--b\r\n\r\nx\r\n" + END_OF_FORM,
        MARKED.replace(b"\r\n", b"\n"),
        MARKED.replace(b"--b\r\n", b"--b \r\n"),
        MARKED.replace(b"--b\r\n", b"--bb\r\n"),
        MARKED.replace(b"form-data", b"attachment"),
        MARKED.replace(b"name=", b"NAME="),
        MARKED.replace(b'name="x-amz-signature"', b""),
        MARKED.replace(b"; name=", b'; name="a"; name='),
        MARKED.replace(b"Disposition: ", b"Disposition : "),
        MARKED.replace(b"Disposition: ", b'Disposition: form-data; name="x"\r\nContent-Disposition: '),
        MARKED.replace(b"\r\n\r\n", b"\r\n folded\r\n\r\n"),
        MARKED.replace(b"\r\n\r\n", b"\r\nContent-Transfer-Encoding: base64\r\n\r\n"),
        MARKED.replace(b"\r\n\r\n", b"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"),
        MARKED.replace(b"\r\n\r\n", b"\r\nX: \x00\r\n\r\n"),
        MARKED.replace(b"\r\n\r\nx", b"\r\n\r\n\xff"),
        MARKED.replace(b"\r\n\r\n", b"\r\nX: " + b"x" * 5000 + b"\r\n\r\n"),
        MARKED + b"".join(PART % f"f{number}".encode() for number in range(128)) + END_OF_FORM,
    ],
)  # fmt: skip
def test_a_body_that_is_no_form(body):
    request = form_of(body)
    if b'"x-amz-signature"' in body:
        assert refused(request, MalformedForm).scheme == "sigv4-post"
    else:
        refused(request, Unsigned)


@pytest.mark.parametrize(
    "content_type",
    ["multipart/form-data", "multipart/form-data; boundary=", 'multipart/form-data; boundary=""', "multipart/form-data; boundary=é",
     "multipart/form-data; boundary=b; boundary=c", "multipart/form-data; boundary=" + "b" * 71, "multipart/form-data;boundary=b;x=y",
     "multipart/form-data; charset=utf-16; boundary=b", 'multipart/form-data; boundary="b "'],
)  # fmt: skip
def test_a_content_type_without_one_boundary(content_type):
    refused(form_of(MARKED + END_OF_FORM, content_type), MalformedForm)


@pytest.mark.parametrize(
    "content_type",
    ["multipart/form-data; boundary=9431149156168", 'Multipart/Form-Data;boundary="9431149156168"',
     "multipart/form-data; boundary=9431149156168; charset=UTF-8", "multipart/form-data; charset=utf-8; boundary=9431149156168"],
)  # fmt: skip
def test_content_types_with_one(content_type):
    request = v4_form()
    headers = (request.headers[0], ("Content-Type", content_type))
    agreed(dataclasses.replace(request, headers=headers))


def test_two_content_types():
    request = v4_form()
    other = ("Content-Type", "multipart/form-data; boundary=x")
    error = refused(dataclasses.replace(request, headers=(*request.headers, other)), DuplicateParameter)
    assert error.detail == {"argument_name": "content-type"}


def test_other_types_and_methods_are_no_forms():
    request = v4_form()
    refused(dataclasses.replace(request, method="PUT"), Unsigned)
    refused(dataclasses.replace(request, body=None), Unsigned)
    refused(
        dataclasses.replace(request, headers=(("Content-Type", "multipart/mixed; boundary=9431149156168"),)),
        Unsigned,
    )


def test_fields_may_carry_further_headers_and_names_of_files():
    """As ``requests`` writes its ``files``, and as browsers write what is no text."""
    body = v4_form().body
    body = body.replace(b'name="key"', b'name="key"; filename="key"')
    body = body.replace(
        b'name="x-amz-date"\r\n', b"name=x-amz-date\r\nContent-Type: text/plain; charset=utf-8\r\n"
    )
    agreed(dataclasses.replace(v4_form(), body=body))


@EITHER
def test_field_names_are_the_same_in_any_case(form):
    request = form()
    names = {b"key": b"kEy", b"x-amz-date": b"X-AMZ-DATE", b"policy": b"pOLICy", b"Policy": b"pOLICy",
             b"AWSAccessKeyId": b"aWSAccessKeyId", b"Signature": b"SIGNATURE", b"file": b"FILE"}  # fmt: skip
    body = request.body
    for name, other in names.items():
        body = body.replace(b'name="' + name + b'"', b'name="' + other + b'"')
    agreed(dataclasses.replace(request, body=body))


@EITHER
@pytest.mark.parametrize("name", ["key", "KEY", "policy", "acl"])
def test_a_field_given_twice(form, name):
    error = refused(form(uncovered=[(name, "x"), (name.lower(), "x")]), DuplicateParameter)
    assert error.detail == {"argument_name": name.lower()}


@pytest.mark.parametrize(
    ("form", "name"),
    [(v4_form, name) for name in ("key", "policy", "x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature")]
    + [(v2_form, name) for name in ("key", "Policy", "AWSAccessKeyId", "Signature")],
)  # fmt: skip
def test_a_field_that_is_missing(form, name):
    error = refused(form(without=[name]), MissingParameter)
    assert error.detail == {"argument_name": name.lower()}
    assert error.message == (
        f"Bucket POST must contain a field named '{name.lower()}'.  If it is specified, please check the order of the fields."
    )


@EITHER
def test_a_form_without_a_file(form):
    error = refused(form(file=None), MissingParameter)
    assert error.detail == {"argument_name": "file"}


def test_a_form_with_no_field_of_a_signature_is_anonymous():
    own = ["x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature"]
    refused(v4_form(without=own), Unsigned)
    refused(posted([("key", "k")]), Unsigned)


# The signature


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"fields": [("x-amz-algorithm", "x")], "without": ()}, None),
        ({"stamp": "yesterday"}, "x-amz-date"),
        ({"stamp": "20130525T000000Z"}, "x-amz-credential"),
        ({"scope": "20130524/us-east-1/ec2/aws4_request"}, "x-amz-credential"),
        ({"scope": "20130524/us-east-1/s3/aws5_request"}, "x-amz-credential"),
        ({"scope": "us-east-1/s3/aws4_request"}, "x-amz-credential"),
    ],
)
def test_what_a_v4_signature_says_of_itself(changes, name):
    if name is None:
        refused(v4_form(**changes), DuplicateParameter)
    else:
        assert refused(v4_form(**changes), MalformedParameters).detail == {"argument_name": name}


def test_another_algorithm():
    request = v4_form()
    body = request.body.replace(b"\r\nAWS4-HMAC-SHA256\r\n", b"\r\nAWS4-ECDSA-P256-SHA256\r\n")
    error = refused(dataclasses.replace(request, body=body), MalformedParameters)
    assert error.detail == {"argument_name": "x-amz-algorithm"}


@pytest.mark.parametrize("key", ["", "a b", "é", "k" * 257])
def test_keys_that_are_none(key):
    fields = [("key", "k"), ("AWSAccessKeyId", key), ("policy", encoded(OPEN)), ("signature", "x")]
    refused(posted(fields), MalformedParameters)


@EITHER
def test_headers_that_a_form_has_no_way_to_sign(form):
    for name in ("X-Amz-Acl", "x_amz_acl", "x-amz-security-token"):
        error = refused(form(headers=[(name, "public-read")]), UnsignedHeaders)
        assert error.detail == {"headers_not_signed": [name.lower()]}


@EITHER
def test_another_signature_beside_it(form):
    request = form()
    for value in (v4_header().header("authorization"), "AWS ak:c2ln", "Bearer x", "Basic eDp5"):
        both = dataclasses.replace(request, headers=(*request.headers, ("Authorization", value)))
        refused(both, MultipleMechanisms)
    query = v4_presigned().query
    refused(dataclasses.replace(request, target=f"/bucket?{query}"), MultipleMechanisms)


def test_both_signatures_in_one_form():
    v2 = [("AWSAccessKeyId", "other"), ("signature", "x")]
    refused(v4_form(uncovered=v2), MultipleMechanisms)


@EITHER
def test_a_signature_that_is_none(form):
    claim = signing.read(SCHEMES, form())
    for made in ("", "é", "0" * 64, claim.signature[:-1], claim.signature.swapcase()):
        with pytest.raises(SignatureMismatch) as caught:
            signing.prove(SCHEMES, claim.changed(signature=made), SECRET)
        assert caught.value.detail == {"string_to_sign": claim.strings_to_sign[0], "signature_provided": made}
    with pytest.raises(SignatureMismatch):
        signing.prove(SCHEMES, claim, Secret("x"))


def test_a_policy_that_holds_a_token_is_not_shown():
    claim = signing.read(SCHEMES, v4_form(fields=[("x-amz-security-token", "hush")]))
    with pytest.raises(SignatureMismatch) as caught:
        signing.prove(SCHEMES, claim, Secret("x"))
    assert caught.value.detail["string_to_sign"] == "(concealed)"


def test_a_form_is_no_place_for_a_signature_of_something_else():
    """The string to sign of a request is no policy, so its signature opens no form."""
    request = v4_header()
    claim = signing.read(SCHEMES, request)
    text = base64.b64encode(claim.strings_to_sign[0].encode()).decode()
    refused(v4_form(policy=text), InvalidPolicyDocument)
    refused(v4_form(policy=claim.strings_to_sign[0].replace("\n", " ")), InvalidPolicyDocument)


@EITHER
def test_a_flipped_bit_of_the_policy_or_the_signature(form):
    request = form()
    claim = signing.read(SCHEMES, request)
    for value in (claim.strings_to_sign[0], claim.signature):
        start = request.body.index(value.encode())
        for place in range(start, start + len(value), 3):
            for bit in range(7):
                body = bytearray(request.body)
                body[place] ^= 1 << bit
                try:
                    other = signing.read(SCHEMES, dataclasses.replace(request, body=bytes(body)))
                    signing.prove(SCHEMES, other, SECRET)
                except (InvalidPolicyDocument, SignatureMismatch, MalformedForm):
                    continue
                raise AssertionError(place)


def test_the_form_itself_is_as_browsers_write_it():
    body = multipart([("key", "k")], file=b"x")
    assert body.startswith(
        b'--9431149156168\r\nContent-Disposition: form-data; name="key"\r\n\r\nk\r\n--9431149156168\r\n'
    )
