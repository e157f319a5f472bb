"""A methods text says what a record says, cites what it names, and takes nothing of a record for mark-up."""

import copy
import json
import re
import subprocess
import sys

import pytest

from wbtools.attribution.registry import METHODS
from wbtools.errors import InputError
from wbtools.model.families import FAMILIES, known_families
from wbtools.regions.calibration import MARGIN, USUAL
from wbtools.report.methods import cited_for, methods_text
from wbtools.report.methods.bibliography import PAPERS

ATTRIBUTION = {
    "method": "deviation-smooth",
    "signed": False,
    "rules": ["every contribution is a difference from the reference brain", "gates: product rule; followed back"],
    "target": "what makes the embedding point elsewhere than the reference's: their cosine distance",
    "reference": {
        "source": "5 brains of the network's card",
        "placed": {"correlation_before": 0.8791, "correlation_after": 0.9044},
        "count": 5,
    },
    "noise": None,
}
TRUST = {
    "passed": True,
    "failures": [],
    "randomised_networks": 8,
    "correlation_with_randomised": {"pearson": 0.426412625, "spearman": 0.624209375},
    "correlation_with_image": {"pearson": 0.093973, "spearman": 0.008548},
    "correlation_with_difference_from_reference": {"pearson": 0.602552, "spearman": 0.721413},
    "share_outside_brain": 0.012,
    "conservation": 0.9812,
    "curves": None,
    "answer": {"change": 1.8734, "least": 0.001, "compared_with": "the reference"},
}
UNET = {
    "title": "Twins, fold 3",
    "family": "unet",
    "sha256": "3fd5faee629446151bf0f319c196097c0f30fa0cfff2234bf927bdcab7fa7fc2",
    "network": {"widths": [8, 16, 32, 64], "attention": [1, 2, 3], "block": "residual", "parameters": 278424},
    "card": "given",
    "notice": "",
    "decision": {"in_words": ["none; this network compares two people: add --other PERSON"]},
    "attribution": ATTRIBUTION,
    "trust": TRUST,
    "against_randomised_networks": {
        "networks": 20,
        "method": "deviation-smooth",
        "lowest_p": 1 / 21,
        "spearman": 0.517,
    },
    "relevance_kept": 0.9973,
    "share_inside_atlas": 0.4772,
}
RECORD = {
    "wbtools": "0.1.0",
    "notices": ["Passed: correlation 0.62.", "Research use only. Not for diagnosis."],
    "settings": {"engine": "native"},
    "subject": {"id": "100307", "layout": "hcp", "registration": "MSMAll", "meshes": ["32k_fs_LR", "native"]},
    "workbench": "1.5.0",
    "derived": [],
    "atlas": {"name": "HCP-MMP1+subcortex", "cortical_voxels": 808186, "labelled_voxels": 1577698},
    "checks": [{"check": "fields", "outcome": "passed"}, {"check": "sides", "outcome": "passed"}],
    "networks": {"unet": UNET},
    "face": {"kept": False, "mask": "its brain mask", "dilation_mm": 4.0},
    "acknowledgement": "Data were provided by the Human Connectome Project.",
    "versions": {"python": "3.11.7", "numpy": "2.4.6", "torch": "2.14.1", "nibabel": "5.4.2", "zennit": "0.5.1"},
    "outputs_sha256": {"figures/unet.overview.png": "00"},
}


def changed(path, value):
    """The record with another value at a place, given by its keys or by these with slashes between."""
    record = copy.deepcopy(RECORD)
    *above, last = path.split("/") if isinstance(path, str) else path
    part = record
    for key in above:
        part = part[key]
    part[last] = value
    return record


def explained_by(method, **more):
    return changed("networks/unet/attribution", {**ATTRIBUTION, "method": method, **more})


def body(text):
    """The Markdown without its list of references, escapes taken away."""
    return re.sub(r"\\(?=[^\w\s])", "", text.markdown.partition("**References**")[0])


def parsed_bibtex(source):
    """Entries of a strict grammar: `@kind{key,` and lines `name = {value},` whose braces balance, until `}`."""
    entries = {}
    for block in filter(None, source.split("\n\n")):
        head, *lines, end = block.strip().splitlines()
        kind, key = re.fullmatch(r"@([a-z]+)\{([a-z0-9]+),", head).groups()
        fields = dict(re.fullmatch(r"  ([a-z]+) = \{(.+)\},", line).groups() for line in lines)
        assert end == "}" and len(fields) == len(lines) and key not in entries
        for value in fields.values():
            require_balanced(value)
        entries[key] = {"kind": kind, **fields}
    return entries


def require_balanced(text):
    depth = 0
    for token in re.findall(r"\\.|[{}]", text, re.DOTALL):
        depth += {"{": 1, "}": -1}.get(token, 0)
        assert depth >= 0
    assert depth == 0


def cited(text):
    found = re.findall(r"\\cite\{([a-z0-9,]+)\}", text.latex)
    return {key for keys in found for key in keys.split(",")}


# ------------------------------------------------------------------------------------------------------------ citations


def test_the_bibliography_holds_what_the_text_cites_and_nothing_else():
    text = methods_text(RECORD)
    entries = parsed_bibtex(text.bibtex)
    assert set(entries) == cited(text)
    assert set(entries) == {
        *("adebayo2018", "bach2015", "dwass1957", "fischl2002", "glasser2013", "glasser2016", "harris2020", "kenely"),
        *("kindermans2019", "lundberg2017", "marcus2011", "paszke2019", "phipson2010", "robinson2014"),
        *("ronneberger2015", "shrikumar2017", "smyth2004", "wbtools", "westfall1993", "woo2018"),
    }
    assert all(
        f"({PAPERS[key].label}" in text.markdown or PAPERS[key].label in text.markdown
        for key in entries
        if key in PAPERS
    )


@pytest.mark.parametrize("key", PAPERS)
def test_every_work_has_a_complete_entry_in_ascii(key):
    source = PAPERS[key].bibtex(key)
    assert source.isascii()
    entry = parsed_bibtex(source)[key]
    needed = {
        "article": {"journal", "volume", "pages", "doi", "year"},
        "inproceedings": {"booktitle", "year"},
        "book": {"publisher", "year"},
        "misc": set(),
    }
    assert needed[entry["kind"]] | {"author", "title"} <= set(entry)
    assert {"doi", "url", "publisher"} & set(entry)
    assert re.fullmatch(r"10\.\d{4,}/\S+", entry.get("doi", "10.1000/1"))
    assert entry["year"] in key if "year" in entry else entry["kind"] == "misc"


def test_every_method_and_family_of_the_registries_has_an_entry_and_every_key_a_work():
    assert set(cited_for.METHODS) == set(METHODS)
    assert set(cited_for.FAMILIES) == set(FAMILIES) == {family.name for family in known_families()}
    described = [*cited_for.METHODS.values(), *cited_for.FAMILIES.values()]
    assert {key for each in described for key in each.keys} <= set(PAPERS)
    assert {*cited_for.BACKBONES.values(), *cited_for.LIBRARIES.values()} <= set(PAPERS)
    assert all(each.keys for each in cited_for.METHODS.values())


@pytest.mark.parametrize("method", METHODS)
def test_each_method_is_named_with_its_works(method):
    text = methods_text(explained_by(method))
    assert f"method \u201c{method}\u201d" in body(text)
    assert set(cited_for.METHODS[method].keys) <= cited(text)
    assert (
        ("anders2021" in cited(text))
        == (cited_for.METHODS[method].library == "zennit")
        == ("zennit 0.5.1" in body(text))
    )


@pytest.mark.parametrize(
    ("path", "value", "more", "fewer"),
    [
        ("subject/layout", "freesurfer", {"fischl2012"}, {"glasser2013"}),
        ("subject/layout", "cat", {"gaser2024"}, {"glasser2013"}),
        ("subject/layout", "bids", {"gorgolewski2016"}, {"glasser2013"}),
        ("subject/layout", "t1w", {"vanessen2013", "fonov2011"}, {"glasser2013", "robinson2014"}),
        ("subject/registration", "FreeSurfer sphere.reg", {"fischl1999"}, {"robinson2014"}),
        ("settings/engine", "wb_command", {"marcus2011"}, set()),
        ("outputs_sha256", {}, set(), {"marcus2011"}),
        ("networks/unet/against_randomised_networks", None, set(), {"dwass1957", "smyth2004", "westfall1993"}),
        ("networks/unet/network/attention", [], set(), {"woo2018"}),
        ("networks/unet/attribution/reference/count", 1, set(), {"lundberg2017"}),
        ("networks/unet/trust/correlation_with_randomised", None, set(), {"adebayo2018"}),
        ("networks/unet/trust/curves", {"deletion_against_random": 0.1}, {"samek2017"}, {"petsiuk2018"}),
        ("networks/unet/family", "exported", set(), {"ronneberger2015", "kenely"}),
        ("pairs_of_regions", {"unet": {"cosine": 0.25, "conservation": 1.0}}, {"eberle2022"}, set()),
        ("networks/unet/attribution/reference/source", "MNI152 template (nilearn)", {"fonov2011"}, set()),
        ("notices", ["Built-in subject: group average, no person"], {"glasser2013"}, {"robinson2014"}),
    ],
)
def test_a_work_is_cited_where_the_record_calls_for_it(path, value, more, fewer):
    found = cited(methods_text(changed(path, value)))
    assert more <= found and not fewer & found


def test_the_work_on_gates_is_cited_of_networks_that_have_gates():
    record = explained_by("lrp")
    assert "arras2017" in cited(methods_text(record))
    del record["networks"]["unet"]["network"]["attention"]
    assert not {"arras2017", "woo2018"} & cited(methods_text(record))


# --------------------------------------------------------------------------------------------------- what the text says


def test_numbers_of_the_text_are_those_of_the_record():
    words = body(methods_text(RECORD))
    expected = (
        *("808,186 voxels", "1,577,698 voxels", "278,424 parameters", "widths 8, 16, 32, 64", "3fd5faee6294"),
        *("correlation 0.879 before", "0.904 after", "99.7% of the relevance", "47.7% of it lay inside"),
        *("maps of 20 networks", "(20 + 1)", "lowest possible p was 0.0476", "regions was 0.517"),
        *(
            "8 networks with",
            "were 0.43 and 0.62 with",
            "0.09 and 0.01 with",
            "0.60 and 0.72 with",
            "98.1% arrived",
            "1.2% lay outside",
        ),
        *(
            "changed by 1.87",
            "at least 0.001",
            "within 4 mm",
            "All 2 automatic checks of orientation, surfaces and labels passed.",
        ),
        *("wbtools 0.1.0", "Python 3.11.7", "NumPy 2.4.6", "PyTorch 2.14.1", "NiBabel 5.4.2", "Workbench 1.5.0"),
    )
    assert [each for each in expected if each not in words] == []


def test_the_text_says_of_workbench_that_it_drew_only_where_it_did():
    drew = "Pictures were drawn by Connectome Workbench 1.5.0"
    assert drew in body(methods_text(changed("pictures", {"renderer": "Workbench", "version": "1.5.0"})))
    own = body(methods_text(changed("pictures", {"renderer": "wbtools", "reason": "it was asked for"})))
    assert "Pictures were drawn by wbtools itself." in own and "Workbench" not in own and "Marcus" not in own


def test_every_number_of_the_text_is_in_the_record_or_in_a_citation():
    words = re.sub(r" \([^()]*(19|20)\d\d[^()]*\)", "", body(methods_text(RECORD)))
    numbers = re.findall(r"(?<![\w.-])(\d[\d,]*(?:\.\d+)*)(%?)", words)
    told = [float(value) for value in re.findall(r"-?\d+(?:\.\d+)?(?:e-?\d+)?", json.dumps(RECORD))]
    constants = {"360", "1.0", "1", "10"}  # areas of the atlas, its version, what p's formula has, rows compared
    constants |= {"95", "1.7"}  # of the comparison with randomised networks, see the test below
    versions = set(RECORD["versions"].values()) | {RECORD["wbtools"], RECORD["workbench"], "100307"}
    for number, share in numbers:
        number = number.rstrip(",")
        if number in constants | versions or re.search(rf"\({number}\) ", words):
            continue
        if number.count(".") > 1:
            raise AssertionError(number)
        value, digits = float(number.replace(",", "")), len(number.partition(".")[2])
        scale = 100 if share else 1
        assert any(abs(scale * each - value) <= 0.5000001 * 10.0**-digits for each in told), number


def test_the_comparison_with_randomised_networks_can_be_made_again_from_the_text():
    words = body(methods_text(RECORD))
    assert f"{100 * USUAL:.0f}th percentile of a further map" in words and f"counted {MARGIN} times" in words
    assert "made with the first two of the 5 references" in words
    two = body(methods_text(changed("networks/unet/attribution/reference/count", 2)))
    assert "first two" not in two and f"counted {MARGIN} times" in two


def test_a_repository_is_cited_by_its_owner_and_title():
    text = methods_text(RECORD)
    assert "; GitHub repository matthewkenely/3d-siamese-twin-ranking; Woo et al. 2018)" in text.markdown
    listed = [entry.lstrip("- ").lower() for entry in text.markdown.partition("**References**")[2].split("\n") if entry]
    assert [entry[:4] for entry in listed] == sorted(entry[:4] for entry in listed)


def test_rules_stand_at_the_end_and_a_sentence_leads_to_them():
    words = body(methods_text(RECORD))
    assert "Its rules are listed at the end." in words
    *_, last = words.strip().split("\n\n")
    assert last.startswith("**Rules.** Rules of the method \u201cdeviation-smooth\u201d: (1) every contribution")
    assert words.count("every contribution") == 1
    assert "rules" not in body(methods_text(explained_by("deviation-smooth", rules=[])))


def test_who_found_the_brain_in_a_head_is_named_and_deepbet_cited():
    by_network = changed("brain_mask", {"mask": "deepbet's", "litres": 1.604, "deepbet": "1.0.2"})
    text = methods_text(by_network)
    assert (
        "extracted from the image of the head by deepbet 1.0.2 (Fisch et al. 2024); it held 1.6 litres."
        in text.markdown
    )
    assert "@article{fisch2024," in text.bibtex
    outline = methods_text(changed("brain_mask", {"mask": "the outline of the subject's segmentation", "litres": 1.5}))
    assert "whose brain mask was the outline of the subject's segmentation" in outline.markdown
    assert "fisch2024" not in outline.bibtex and "Brain extraction" not in methods_text(RECORD).markdown


def test_checks_that_failed_are_named():
    checks = [{"check": name, "outcome": "passed"} for name in "ab"] + [{"check": "sides", "outcome": "failed"}]
    words = body(methods_text(changed("checks", checks)))
    assert "Of 3 automatic checks of orientation, surfaces and labels, all passed but sides (failed)." in words


def test_the_acknowledgement_is_said_to_be_of_the_atlas_and_not_of_the_person():
    words = body(methods_text(RECORD))
    assert f"not about the person analysed: {RECORD['acknowledgement']}" in words


def test_decisions_are_told_in_the_past_tense():
    comparison = {"other": "100408", "distance": 0.0312, "cosine": 0.9688, "threshold": 0.25, "verdict": "twins"}
    pair = body(methods_text(changed("networks/unet/decision", {"comparisons": [comparison]})))
    assert (
        "\u201c100408\u201d was 0.0312; by the checkpoint's threshold of 0.25, the verdict was \u201ctwins\u201d."
        in pair
    )
    blank = {**comparison, "threshold": None, "verdict": "none"}
    assert "so there was no verdict" in body(methods_text(changed("networks/unet/decision", {"comparisons": [blank]})))
    chosen = {"person": "100307", "class": "male", "probability": 0.9302, "each_value_is_a_yes_or_no": False}
    classes = body(methods_text(changed("networks/unet/decision", {"classes": [chosen]})))
    assert "It assigned \u201c100307\u201d to class \u201cmale\u201d with a probability of 0.930." in classes
    assert "It gave no verdict: it compares two people" in body(methods_text(RECORD))


def test_a_failed_map_is_said_to_have_failed():
    failed = {**TRUST, "passed": False, "failures": ["the map is much like the image itself (correlation 0.91)"]}
    words = body(methods_text(changed("networks/unet/trust", failed)))
    assert "failed these checks and was not to be trusted: the map is much like the image itself" in words
    assert "The map passed" not in words


def test_a_second_method_is_described_beside_the_first():
    also = {
        "attribution": {"method": "gradient", "signed": True, "rules": ["the score's gradient at the image"]},
        "similarity": {"spearman": 0.3144},
        "shared_of_first_10_regions": 4,
        "trust": {**TRUST, "passed": False, "failures": ["too alike"]},
    }
    text = methods_text(changed("networks/unet/also", also))
    words = body(text)
    assert (
        "A second map was made by the gradient of the score (Simonyan et al. 2014), method \u201cgradient\u201d."
        in words
    )
    assert "correlation of 0.31, and 4 of the first 10 regions" in words and "The second map failed" in words
    assert {"simonyan2014", "kokhlikyan2020"} <= cited(text)
    assert "No second method was used." in body(methods_text(RECORD))


def test_made_up_data_and_networks_for_trying_are_said_to_be_so():
    record = changed("notices", ["Built-in subject: group average, made-up deformation, no person"])
    record["networks"]["unet"]["notice"] = "trained on made-up people; not for science"
    words = body(methods_text(record))
    assert "made-up deformation, no person" in words and "not for science" in words
    person = changed("notices", ["trained on made-up people; not for science"])
    person["networks"]["unet"]["notice"] = "trained on made-up people; not for science"
    assert "robinson2014" in cited(methods_text(person))
    assert "record states" not in body(methods_text(RECORD))


def test_several_networks_are_described_or_the_only_one_asked_for():
    record = changed("networks/mrinet", {**UNET, "family": "mrinet", "title": "Sex"})
    both, alone = methods_text(record), methods_text(record, "mrinet")
    assert "**Network (unet).**" in both.markdown and "**Network (mrinet).**" in both.markdown
    assert {"kan2020", "ronneberger2015"} <= cited(both)
    assert "**Network.**" in alone.markdown and "Twins, fold 3" not in alone.markdown
    assert "kan2020" in cited(alone) and "ronneberger2015" not in cited(alone)
    with pytest.raises(InputError, match="no network resnet"):
        methods_text(record, "resnet")


# ----------------------------------------------------------------------------------------------- incomplete and hostile


def places(value, above=()):
    """Every place in a record, by its keys."""
    if isinstance(value, dict):
        for key, below in value.items():
            yield (*above, key)
            yield from places(below, (*above, key))


@pytest.mark.parametrize("instead", [None, "nothing", 7, [1, [2]], {"a": {"b": 1}}], ids=str)
def test_a_record_that_lacks_a_value_or_has_another_still_gives_a_text(instead):
    for keys in places(RECORD):
        text = methods_text(changed(keys, instead))
        require_balanced(text.latex)
        assert set(parsed_bibtex(text.bibtex)) == cited(text), keys


def test_an_empty_record_says_no_more_than_what_it_is_for():
    text = methods_text({})
    assert "research use only" in text.markdown and cited(text) == {"wbtools"}


HOSTILE = (
    r"\input{/etc/passwd} {{ <script>alert(1)</script> [a](javascript:b) ![c](d) $x$ %y &z #1 _e_ *f* `g` ~h ^i @j |k "
    r"--l \\"
)


def test_untrusted_text_is_plain_text_in_latex():
    record = changed("networks/unet/title", HOSTILE)
    record["subject"]["id"], record["notices"] = HOSTILE, [f"Built-in subject {HOSTILE}"]
    latex = methods_text(record).latex
    require_balanced(latex)
    commands = set(re.findall(r"\\([a-zA-Z]+)", latex))
    assert commands == {
        "paragraph",
        "cite",
        "textbackslash",
        "textasciitilde",
        "textasciicircum",
        "textless",
        "textgreater",
        "textbar",
    }
    assert not re.search(r"(?<!\\)[$&#%_]", latex) and not re.search(r"(?<!~)\^|~(?!\\cite)", latex)


def test_untrusted_text_is_plain_text_in_markdown():
    markdown_it = pytest.importorskip("markdown_it")
    record = changed("networks/unet/title", HOSTILE)
    record["subject"]["id"] = HOSTILE
    body_of, _, _ = methods_text(record).markdown.partition("**References**")
    tokens = markdown_it.MarkdownIt("commonmark").enable("table").parse(body_of)
    inner = [child for token in tokens for child in token.children or []]
    assert {token.type for token in tokens} == {"paragraph_open", "inline", "paragraph_close"}
    assert {child.type for child in inner} <= {"text", "text_special", "strong_open", "strong_close"}
    assert HOSTILE in "".join(child.content for child in inner)


def test_the_text_needs_no_heavy_library():
    code = (
        "import sys; from wbtools.report.methods import methods_text; methods_text({}); "
        "print(sorted({'torch', 'nibabel', 'scipy', 'pandas', 'captum'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == "[]"
