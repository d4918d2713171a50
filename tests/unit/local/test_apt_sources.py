"""Both of apt's notations are read, and what is fetched is verified with the machine's own key."""

from pathlib import Path

from flyball_local.apt_sources import (
    Archive,
    as_deb822,
    parse_deb822,
    parse_one_line,
    read_archives,
    serving_suite,
)

KEY = "/usr/share/keyrings/archive.gpg"
DEB822 = f"""\
# the machine's archive
Types: deb deb-src
URIs: http://mirror.test/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: {KEY}

Types: deb
# an old address
URIs: http://mirror.test/debian-security
Suites: bookworm-security
Components: main
Signed-By: {KEY}
"""


def test_a_deb822_file_gives_one_archive_for_each_paragraph():
    debian, security = parse_deb822(DEB822)
    assert debian == Archive("http://mirror.test/debian", ("bookworm", "bookworm-updates"), ("main", "contrib"), KEY)
    assert security.suites == ("bookworm-security",)


def test_several_addresses_of_a_paragraph_are_archives_of_their_own():
    text = "Types: deb\nURIs: http://a.test/d http://b.test/d\nSuites: x\nComponents: main\n"
    assert [archive.uri for archive in parse_deb822(text)] == ["http://a.test/d", "http://b.test/d"]


def test_disabled_and_source_only_paragraphs_are_passed_over():
    disabled = "Types: deb\nEnabled: no\nURIs: http://a.test/d\nSuites: x\nComponents: main\n"
    sources = "Types: deb-src\nURIs: http://a.test/d\nSuites: x\nComponents: main\n"
    assert parse_deb822(disabled + "\n" + sources) == []


def test_a_one_line_file_keeps_its_keyring_among_other_options():
    text = f"deb [arch=amd64 signed-by={KEY}] http://mirror.test/debian bookworm main non-free # ours\n"
    assert parse_one_line(text) == [Archive("http://mirror.test/debian", ("bookworm",), ("main", "non-free"), KEY)]


def test_comments_and_source_lines_of_a_one_line_file_are_passed_over():
    text = "# deb http://a.test/d x main\ndeb-src http://a.test/d x main\n\ndeb http://b.test/d x main\n"
    assert [archive.uri for archive in parse_one_line(text)] == ["http://b.test/d"]


def test_the_main_list_and_the_directory_are_read_and_disabled_files_are_not(tmp_path: Path):
    main, parts = tmp_path / "sources.list", tmp_path / "sources.list.d"
    parts.mkdir()
    main.write_text("deb http://one.test/d x main\n")
    (parts / "b.sources").write_text(DEB822)
    (parts / "c.list").write_text("deb http://three.test/d x main\n")
    (parts / "d.list.save").write_text("deb http://old.test/d x main\n")
    assert [archive.uri for archive in read_archives(main, parts)] == [
        "http://one.test/d",
        "http://mirror.test/debian",
        "http://mirror.test/debian-security",
        "http://three.test/d",
    ]
    assert read_archives(tmp_path / "none", tmp_path / "none.d") == []


def test_security_archives_and_those_without_main_cannot_serve_another_suite():
    archives = [
        *parse_deb822(DEB822),
        Archive("http://vendor.test/apt", ("nodistro",), ("stable",)),
        Archive("http://mirror.test/debian", ("bookworm-backports",), ("main",)),
    ]
    assert serving_suite(archives, "sid") == [Archive("http://mirror.test/debian", ("sid",), ("main",), KEY)]


def test_what_is_written_for_apt_names_the_keyring_and_reads_back_the_same():
    archive = Archive("http://mirror.test/debian", ("sid",), ("main",), KEY)
    assert f"Signed-By: {KEY}" in as_deb822(archive)
    assert parse_deb822(as_deb822(archive)) == [archive]


def test_an_armoured_key_inside_the_file_is_carried_over_whole():
    key = "\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mDMEabc\n -----END PGP PUBLIC KEY BLOCK-----"
    text = f"Types: deb\nURIs: http://a.test/d\nSuites: x\nComponents: main\nSigned-By:{key}\n"
    [archive] = parse_deb822(text)
    assert archive.signed_by == key
    assert parse_deb822(as_deb822(archive))[0].signed_by == key


def test_a_login_in_an_address_is_never_shown():
    assert str(Archive("https://me:secret@mirror.test/debian", (), ())) == "https://mirror.test/debian"
