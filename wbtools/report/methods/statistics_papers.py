"""Works on tests, and on what maps are checked by."""

from __future__ import annotations

from wbtools.report.methods.paper import Paper, article, chapter, preprint

PAPERS = {
    "adebayo2018": chapter(
        "Adebayo, Julius; Gilmer, Justin; Muelly, Michael; Goodfellow, Ian; Hardt, Moritz; Kim, Been",
        "Sanity checks for saliency maps",
        2018,
        "Advances in Neural Information Processing Systems",
        volume="31",
        pages="9505\u20139515",
        url="https://arxiv.org/abs/1810.03292",
    ),
    "dwass1957": article(
        "Dwass, Meyer",
        "Modified randomization tests for nonparametric hypotheses",
        1957,
        "The Annals of Mathematical Statistics",
        volume="28",
        number="1",
        pages="181\u2013187",
        doi="10.1214/aoms/1177707045",
    ),
    "kindermans2019": chapter(
        "Kindermans, Pieter-Jan; Hooker, Sara; Adebayo, Julius; Alber, Maximilian; Sch\u00fctt, Kristof T.; "
        "D\u00e4hne, Sven; Erhan, Dumitru; Kim, Been",
        "The (un)reliability of saliency methods",
        2019,
        "Explainable AI: Interpreting, Explaining and Visualizing Deep Learning",
        series="Lecture Notes in Computer Science",
        volume="11700",
        pages="267\u2013280",
        doi="10.1007/978-3-030-28954-6_14",
    ),
    "petsiuk2018": preprint(
        "Petsiuk, Vitali; Das, Abir; Saenko, Kate",
        "RISE: Randomized input sampling for explanation of black-box models",
        2018,
        "1806.07421",
        "British Machine Vision Conference (BMVC)",
    ),
    "phipson2010": article(
        "Phipson, Belinda; Smyth, Gordon K.",
        "Permutation p-values should never be zero: calculating exact p-values when permutations are randomly drawn",
        2010,
        "Statistical Applications in Genetics and Molecular Biology",
        volume="9",
        number="1",
        pages="39",
        doi="10.2202/1544-6115.1585",
    ),
    "samek2017": article(
        "Samek, Wojciech; Binder, Alexander; Montavon, Gr\u00e9goire; Lapuschkin, Sebastian; M\u00fcller, Klaus-Robert",
        "Evaluating the visualization of what a deep neural network has learned",
        2017,
        "IEEE Transactions on Neural Networks and Learning Systems",
        volume="28",
        number="11",
        pages="2660\u20132673",
        doi="10.1109/TNNLS.2016.2599820",
    ),
    "smyth2004": article(
        "Smyth, Gordon K.",
        "Linear models and empirical Bayes methods for assessing differential expression in microarray experiments",
        2004,
        "Statistical Applications in Genetics and Molecular Biology",
        volume="3",
        number="1",
        pages="3",
        doi="10.2202/1544-6115.1027",
    ),
    "westfall1993": Paper(
        "book",
        ("Westfall, Peter H.", "Young, S. Stanley"),
        "Resampling-based multiple testing: Examples and methods for p-value adjustment",
        "1993",
        {"publisher": "Wiley", "address": "New York"},
    ),
}
