"""Works on the methods that explain a network's answer."""

from __future__ import annotations

from wbtools.report.methods.paper import article, chapter, preprint

_ICML = "International Conference on Machine Learning (ICML)"
_NEURIPS = "Advances in Neural Information Processing Systems"
_ICCV = "IEEE International Conference on Computer Vision (ICCV)"
_LNCS = "Lecture Notes in Computer Science"
_PMLR = "Proceedings of Machine Learning Research"

PAPERS = {
    "adebayo2018local": preprint(
        "Adebayo, Julius; Gilmer, Justin; Goodfellow, Ian; Kim, Been",
        "Local explanation methods for deep neural networks lack sensitivity to parameter values",
        2018,
        "1810.03307",
    ),
    "anders2021": preprint(
        "Anders, Christopher J.; Neumann, David; Samek, Wojciech; M\u00fcller, Klaus-Robert; Lapuschkin, Sebastian",
        "Software for dataset-wide XAI: From local explanations to global insights with Zennit, CoRelAy, and ViRelAy",
        2021,
        "2106.13200",
    ),
    "arras2017": chapter(
        "Arras, Leila; Montavon, Gr\u00e9goire; M\u00fcller, Klaus-Robert; Samek, Wojciech",
        "Explaining recurrent neural network predictions in sentiment analysis",
        2017,
        "Workshop on Computational Approaches to Subjectivity, Sentiment and Social Media Analysis (WASSA)",
        pages="159\u2013168",
        doi="10.18653/v1/W17-5221",
    ),
    "bach2015": article(
        "Bach, Sebastian; Binder, Alexander; Montavon, Gr\u00e9goire; Klauschen, Frederick; M\u00fcller, Klaus-Robert; "
        "Samek, Wojciech",
        "On pixel-wise explanations for non-linear classifier decisions by layer-wise relevance propagation",
        2015,
        "PLOS ONE",
        volume="10",
        number="7",
        pages="e0130140",
        doi="10.1371/journal.pone.0130140",
    ),
    "draelos2020": preprint(
        "Draelos, Rachel Lea; Carin, Lawrence",
        "Use HiResCAM instead of Grad-CAM for faithful explanations of convolutional neural networks",
        2020,
        "2011.08891",
    ),
    "eberle2022": article(
        "Eberle, Oliver; B\u00fcttner, Jochen; Kr\u00e4utli, Florian; M\u00fcller, Klaus-Robert; Valleriani, Matteo; "
        "Montavon, Gr\u00e9goire",
        "Building and interpreting deep similarity models",
        2022,
        "IEEE Transactions on Pattern Analysis and Machine Intelligence",
        volume="44",
        number="3",
        pages="1149\u20131161",
        doi="10.1109/TPAMI.2020.3020738",
    ),
    "fong2017": chapter(
        "Fong, Ruth C.; Vedaldi, Andrea",
        "Interpretable explanations of black boxes by meaningful perturbation",
        2017,
        _ICCV,
        pages="3449\u20133457",
        doi="10.1109/ICCV.2017.371",
    ),
    "hooker2019": chapter(
        "Hooker, Sara; Erhan, Dumitru; Kindermans, Pieter-Jan; Kim, Been",
        "A benchmark for interpretability methods in deep neural networks",
        2019,
        _NEURIPS,
        volume="32",
        url="https://arxiv.org/abs/1806.10758",
    ),
    "kokhlikyan2020": preprint(
        "Kokhlikyan, Narine; Miglani, Vivek; Martin, Miguel; Wang, Edward; Alsallakh, Bilal; Reynolds, Jonathan; "
        "Melnikov, Alexander; Kliushkina, Natalia; Araya, Carlos; Yan, Siqi; Reblitz-Richardson, Orion",
        "Captum: A unified and generic model interpretability library for PyTorch",
        2020,
        "2009.07896",
    ),
    "lapuschkin2017": chapter(
        "Lapuschkin, Sebastian; Binder, Alexander; M\u00fcller, Klaus-Robert; Samek, Wojciech",
        "Understanding and comparing deep neural networks for age and gender classification",
        2017,
        "IEEE International Conference on Computer Vision Workshops (ICCVW)",
        pages="1629\u20131638",
        doi="10.1109/ICCVW.2017.191",
    ),
    "lundberg2017": chapter(
        "Lundberg, Scott M.; Lee, Su-In",
        "A unified approach to interpreting model predictions",
        2017,
        _NEURIPS,
        volume="30",
        pages="4765\u20134774",
        url="https://arxiv.org/abs/1705.07874",
    ),
    "montavon2017": article(
        "Montavon, Gr\u00e9goire; Lapuschkin, Sebastian; Binder, Alexander; Samek, Wojciech; M\u00fcller, Klaus-Robert",
        "Explaining nonlinear classification decisions with deep Taylor decomposition",
        2017,
        "Pattern Recognition",
        volume="65",
        pages="211\u2013222",
        doi="10.1016/j.patcog.2016.11.008",
    ),
    "montavon2019": chapter(
        "Montavon, Gr\u00e9goire; Binder, Alexander; Lapuschkin, Sebastian; Samek, Wojciech; M\u00fcller, Klaus-Robert",
        "Layer-wise relevance propagation: An overview",
        2019,
        "Explainable AI: Interpreting, Explaining and Visualizing Deep Learning",
        series=_LNCS,
        volume="11700",
        pages="193\u2013209",
        doi="10.1007/978-3-030-28954-6_10",
    ),
    "rueckert1999": article(
        "Rueckert, Daniel; Sonoda, Luke I.; Hayes, Carmel; Hill, Derek L. G.; Leach, Martin O.; Hawkes, David J.",
        "Nonrigid registration using free-form deformations: Application to breast MR images",
        1999,
        "IEEE Transactions on Medical Imaging",
        volume="18",
        number="8",
        pages="712\u2013721",
        doi="10.1109/42.796284",
    ),
    "selvaraju2017": chapter(
        "Selvaraju, Ramprasaath R.; Cogswell, Michael; Das, Abhishek; Vedantam, Ramakrishna; Parikh, Devi; "
        "Batra, Dhruv",
        "Grad-CAM: Visual explanations from deep networks via gradient-based localization",
        2017,
        _ICCV,
        pages="618\u2013626",
        doi="10.1109/ICCV.2017.74",
    ),
    "shrikumar2016": preprint(
        "Shrikumar, Avanti; Greenside, Peyton; Shcherbina, Anna; Kundaje, Anshul",
        "Not just a black box: Learning important features through propagating activation differences",
        2016,
        "1605.01713",
    ),
    "shrikumar2017": chapter(
        "Shrikumar, Avanti; Greenside, Peyton; Kundaje, Anshul",
        "Learning important features through propagating activation differences",
        2017,
        _ICML,
        series=_PMLR,
        volume="70",
        pages="3145\u20133153",
        url="https://arxiv.org/abs/1704.02685",
    ),
    "simonyan2014": preprint(
        "Simonyan, Karen; Vedaldi, Andrea; Zisserman, Andrew",
        "Deep inside convolutional networks: Visualising image classification models and saliency maps",
        2014,
        "1312.6034",
    ),
    "smilkov2017": preprint(
        "Smilkov, Daniel; Thorat, Nikhil; Kim, Been; Vi\u00e9gas, Fernanda; Wattenberg, Martin",
        "SmoothGrad: Removing noise by adding noise",
        2017,
        "1706.03825",
    ),
    "springenberg2015": preprint(
        "Springenberg, Jost Tobias; Dosovitskiy, Alexey; Brox, Thomas; Riedmiller, Martin",
        "Striving for simplicity: The all convolutional net",
        2015,
        "1412.6806",
    ),
    "sturmfels2020": article(
        "Sturmfels, Pascal; Lundberg, Scott; Lee, Su-In",
        "Visualizing the impact of feature attribution baselines",
        2020,
        "Distill",
        volume="5",
        number="1",
        pages="e22",
        doi="10.23915/distill.00022",
    ),
    "sundararajan2017": chapter(
        "Sundararajan, Mukund; Taly, Ankur; Yan, Qiqi",
        "Axiomatic attribution for deep networks",
        2017,
        _ICML,
        series=_PMLR,
        volume="70",
        pages="3319\u20133328",
        url="https://proceedings.mlr.press/v70/sundararajan17a.html",
    ),
    "zeiler2014": chapter(
        "Zeiler, Matthew D.; Fergus, Rob",
        "Visualizing and understanding convolutional networks",
        2014,
        "European Conference on Computer Vision (ECCV)",
        series=_LNCS,
        volume="8689",
        pages="818\u2013833",
        doi="10.1007/978-3-319-10590-1_53",
    ),
}
