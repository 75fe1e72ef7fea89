"""What operators do, on moto."""

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
import yaml
from moto import mock_aws

from beheer.cli import main
from ond.aansluitregister import Aansluitregister, DoelGeweigerd, Weigering, toets_doelbinding

OIN = "00000099000000001000"
FILE = """
oin: "00000099000000001000"
naam: Gemeente Voorbeeld
diensten: {parkeren: Parkeervergunningen}
webhook: https://gemeente.example/notificaties
doelen:
  besluiten:
    naam: Versturen van besluiten
    grondslag: Algemene wet bestuursrecht
    velden: [email, postadres]
    verwerkingsactiviteit: https://gemeente.example/register/besluiten
"""


@pytest.fixture
def register(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aansluitregister]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    with mock_aws():
        client = boto3.client("dynamodb")
        client.create_table(
            TableName="ond-aansluitregister",
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
        )
        yield Aansluitregister(client, "ond-aansluitregister", seconds=0)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "gemeente.yaml"
    path.write_text(FILE)
    return path


def weigering(register: Aansluitregister, doel_id: str = "besluiten") -> Weigering | None:
    try:
        toets_doelbinding(register.dienstverlener(OIN), doel_id)
    except DoelGeweigerd as error:
        return error.weigering
    return None


def test_what_is_registered_from_a_file_is_shown_and_can_be_registered_again_as_shown(
    register: Aansluitregister, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["aansluiting", "zet", str(file)]) == 0
    assert weigering(register) is None
    capsys.readouterr()
    assert main(["aansluiting", "toon", OIN]) == 0
    shown = capsys.readouterr().out
    assert yaml.safe_load(shown) == yaml.safe_load(FILE)
    file.write_text(shown)
    assert main(["aansluiting", "zet", str(file)]) == 0
    assert main(["aansluiting", "toon"]) == 0
    assert f"{OIN}  Gemeente Voorbeeld\n" in capsys.readouterr().out


def test_blocking_and_unblocking_a_service_provider(
    register: Aansluitregister, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["aansluiting", "zet", str(file)])
    assert main(["aansluiting", "blokkeer", OIN]) == 0
    assert weigering(register) is Weigering.GEBLOKKEERD
    main(["aansluiting", "toon"])
    assert "GEBLOKKEERD" in capsys.readouterr().out
    assert main(["aansluiting", "deblokkeer", OIN]) == 0
    assert weigering(register) is None


def test_suspending_and_resuming_a_doel(register: Aansluitregister, file: Path) -> None:
    main(["aansluiting", "zet", str(file)])
    assert main(["doel", "schors", OIN, "besluiten"]) == 0
    assert weigering(register) is Weigering.DOEL_GESCHORST
    assert main(["doel", "hervat", OIN, "besluiten"]) == 0
    assert weigering(register) is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["aansluiting", "blokkeer", "00000099000000009999"], "no aansluiting has OIN"),
        (["aansluiting", "toon", "00000099000000009999"], "no aansluiting has OIN"),
        (["doel", "schors", OIN, "reclame"], "it has: besluiten"),
        (["--stack", "anders", "aansluiting", "toon"], "ResourceNotFoundException (table anders-aansluitregister)"),
    ],
)
def test_what_cannot_be_done_is_said_and_exits_with_one(
    register: Aansluitregister, file: Path, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["aansluiting", "zet", str(file)])
    assert main(arguments) == 1
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("oin: [", "no valid YAML at line 1"),
        ("naam: Gemeente", "entry 1, oin: Field required"),
        (FILE.replace("email", "bsn"), "entry 1, doelen.besluiten.velden.0: Input should be"),
        (FILE + "extra: ja\n", "entry 1, extra: Extra inputs are not permitted"),
        (FILE.replace(OIN, "123"), "entry 1, oin: Value error, een OIN heeft 20 posities"),
        ("", "entry 1: Input should be"),
    ],
)
def test_a_wrong_file_is_refused_with_file_place_and_fault_and_nothing_is_written(
    register: Aansluitregister, file: Path, content: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = tmp_path / "fout.yaml"
    wrong.write_text(content)
    assert main(["aansluiting", "zet", str(file), str(wrong)]) == 1
    assert f"{wrong}: " in (text := capsys.readouterr().err)
    assert said in text
    assert list(register.alle()) == []


def test_a_missing_file_is_named(register: Aansluitregister, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["aansluiting", "zet", "bestaat-niet.yaml"]) == 1
    assert "bestaat-niet.yaml: cannot be read (FileNotFoundError)" in capsys.readouterr().err


def test_two_operators_at_once_do_not_undo_each_other(
    register: Aansluitregister, file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["aansluiting", "zet", str(file)])
    read = Aansluitregister.dienstverlener

    def read_while_another_blocks(self: Aansluitregister, oin: str) -> object:
        found = read(self, oin)
        assert found is not None
        register.zet(found.model_copy(update={"geblokkeerd": True}))
        return found

    monkeypatch.setattr(Aansluitregister, "dienstverlener", read_while_another_blocks)
    assert main(["doel", "schors", OIN, "besluiten"]) == 1
    assert "somebody else changed this" in capsys.readouterr().err
    monkeypatch.undo()
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert weigering(register) is Weigering.GEBLOKKEERD


def test_help_teaches_by_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    assert "ond aansluiting blokkeer" in capsys.readouterr().out
