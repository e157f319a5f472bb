"""Works on images, surfaces, atlases and the software for them."""

from __future__ import annotations

from wbtools.report.methods.paper import article

PAPERS = {
    "avants2008": article(
        "Avants, Brian B.; Epstein, Charles L.; Grossman, Murray; Gee, James C.",
        "Symmetric diffeomorphic image registration with cross-correlation: evaluating automated labeling of elderly "
        "and neurodegenerative brain",
        2008,
        "Medical Image Analysis",
        volume="12",
        number="1",
        pages="26\u201341",
        doi="10.1016/j.media.2007.06.004",
    ),
    "avants2011": article(
        "Avants, Brian B.; Tustison, Nicholas J.; Wu, Jue; Cook, Philip A.; Gee, James C.",
        "An open source multivariate framework for n-tissue segmentation with evaluation on public data",
        2011,
        "Neuroinformatics",
        volume="9",
        number="4",
        pages="381\u2013400",
        doi="10.1007/s12021-011-9109-y",
    ),
    "billot2020": article(
        "Billot, Benjamin; Bocchetta, Martina; Todd, Emily; Dalca, Adrian V.; Rohrer, Jonathan D.; "
        "Iglesias, Juan Eugenio",
        "Automated segmentation of the hypothalamus and associated subunits in brain MRI",
        2020,
        "NeuroImage",
        volume="223",
        pages="117287",
        doi="10.1016/j.neuroimage.2020.117287",
    ),
    "esteban2019": article(
        "Esteban, Oscar; Markiewicz, Christopher J.; Blair, Ross W.; Moodie, Craig A.; Isik, A. Ilkay; "
        "Erramuzpe, Asier; Kent, James D.; Goncalves, Mathias; DuPre, Elizabeth; Snyder, Madeleine; Oya, Hiroyuki; "
        "Ghosh, Satrajit S.; Wright, Jessey; Durnez, Joke; Poldrack, Russell A.; Gorgolewski, Krzysztof J.",
        "fMRIPrep: a robust preprocessing pipeline for functional MRI",
        2019,
        "Nature Methods",
        volume="16",
        pages="111\u2013116",
        doi="10.1038/s41592-018-0235-4",
    ),
    "fisch2024": article(
        "Fisch, Lukas; Zumdick, Stefan; Barkhau, Carlotta; Emden, Daniel; Ernsting, Jan; Leenings, Ramona; Sarink, "
        "Kelvin; Winter, Nils R.; Risse, Benjamin; Dannlowski, Udo; Hahn, Tim",
        "deepbet: Fast brain extraction of T1-weighted MRI using Convolutional Neural Networks",
        2024,
        "Computers in Biology and Medicine",
        volume="179",
        pages="108845",
        doi="10.1016/j.compbiomed.2024.108845",
    ),
    "fischl1999": article(
        "Fischl, Bruce; Sereno, Martin I.; Tootell, Roger B. H.; Dale, Anders M.",
        "High-resolution intersubject averaging and a coordinate system for the cortical surface",
        1999,
        "Human Brain Mapping",
        volume="8",
        number="4",
        pages="272\u2013284",
        doi="10.1002/(SICI)1097-0193(1999)8:4<272::AID-HBM10>3.0.CO;2-4",
    ),
    "fischl2002": article(
        "Fischl, Bruce; Salat, David H.; Busa, Evelina; Albert, Marilyn; Dieterich, Megan; Haselgrove, Christian; "
        "van der Kouwe, Andre; Killiany, Ron; Kennedy, David; Klaveness, Shuna; Montillo, Albert; Makris, Nikos; "
        "Rosen, Bruce; Dale, Anders M.",
        "Whole brain segmentation: automated labeling of neuroanatomical structures in the human brain",
        2002,
        "Neuron",
        volume="33",
        number="3",
        pages="341\u2013355",
        doi="10.1016/S0896-6273(02)00569-X",
    ),
    "fischl2012": article(
        "Fischl, Bruce",
        "FreeSurfer",
        2012,
        "NeuroImage",
        volume="62",
        number="2",
        pages="774\u2013781",
        doi="10.1016/j.neuroimage.2012.01.021",
    ),
    "fonov2011": article(
        "Fonov, Vladimir; Evans, Alan C.; Botteron, Kelly; Almli, C. Robert; McKinstry, Robert C.; Collins, D. Louis",
        "Unbiased average age-appropriate atlases for pediatric studies",
        2011,
        "NeuroImage",
        volume="54",
        number="1",
        pages="313\u2013327",
        doi="10.1016/j.neuroimage.2010.07.033",
    ),
    "gaser2024": article(
        "Gaser, Christian; Dahnke, Robert; Thompson, Paul M.; Kurth, Florian; Luders, Eileen; {The Alzheimer's Disease "
        "Neuroimaging Initiative}",
        "CAT: a computational anatomy toolbox for the analysis of structural MRI data",
        2024,
        "GigaScience",
        volume="13",
        pages="giae049",
        doi="10.1093/gigascience/giae049",
    ),
    "glasser2013": article(
        "Glasser, Matthew F.; Sotiropoulos, Stamatios N.; Wilson, J. Anthony; Coalson, Timothy S.; Fischl, Bruce; "
        "Andersson, Jesper L.; Xu, Junqian; Jbabdi, Saad; Webster, Matthew; Polimeni, Jonathan R.; "
        "Van Essen, David C.; Jenkinson, Mark",
        "The minimal preprocessing pipelines for the Human Connectome Project",
        2013,
        "NeuroImage",
        volume="80",
        pages="105\u2013124",
        doi="10.1016/j.neuroimage.2013.04.127",
    ),
    "glasser2016": article(
        "Glasser, Matthew F.; Coalson, Timothy S.; Robinson, Emma C.; Hacker, Carl D.; Harwell, John; Yacoub, Essa; "
        "Ugurbil, Kamil; Andersson, Jesper; Beckmann, Christian F.; Jenkinson, Mark; Smith, Stephen M.; "
        "Van Essen, David C.",
        "A multi-modal parcellation of human cerebral cortex",
        2016,
        "Nature",
        volume="536",
        pages="171\u2013178",
        doi="10.1038/nature18933",
    ),
    "gorgolewski2016": article(
        "Gorgolewski, Krzysztof J.; Auer, Tibor; Calhoun, Vince D.; Craddock, R. Cameron; Das, Samir; Duff, Eugene P.; "
        "Flandin, Guillaume; Ghosh, Satrajit S.; Glatard, Tristan; Halchenko, Yaroslav O.; Handwerker, Daniel A.; "
        "Hanke, Michael; Keator, David; Li, Xiangrui; Michael, Zachary; Maumet, Camille; Nichols, B. Nolan; "
        "Nichols, Thomas E.; Pellman, John; Poline, Jean-Baptiste; Rokem, Ariel; Schaefer, Gunnar; Sochat, Vanessa; "
        "Triplett, William; Turner, Jessica A.; Varoquaux, Ga\u00ebl; Poldrack, Russell A.",
        "The brain imaging data structure, a format for organizing and describing outputs of neuroimaging experiments",
        2016,
        "Scientific Data",
        volume="3",
        pages="160044",
        doi="10.1038/sdata.2016.44",
    ),
    "iglesias2018": article(
        "Iglesias, Juan Eugenio; Insausti, Ricardo; Lerma-Usabiaga, Garikoitz; Bocchetta, Martina; Van Leemput, Koen; "
        "Greve, Douglas N.; van der Kouwe, Andre; Fischl, Bruce; Caballero-Gaudes, C\u00e9sar; Paz-Alonso, Pedro M.",
        "A probabilistic atlas of the human thalamic nuclei combining ex vivo MRI and histology",
        2018,
        "NeuroImage",
        volume="183",
        pages="314\u2013326",
        doi="10.1016/j.neuroimage.2018.08.012",
    ),
    "marcus2011": article(
        "Marcus, Daniel S.; Harwell, John; Olsen, Timothy; Hodge, Michael; Glasser, Matthew F.; Prior, Fred; "
        "Jenkinson, Mark; Laumann, Timothy; Curtiss, Sandra W.; Van Essen, David C.",
        "Informatics and data mining tools and strategies for the Human Connectome Project",
        2011,
        "Frontiers in Neuroinformatics",
        volume="5",
        pages="4",
        doi="10.3389/fninf.2011.00004",
    ),
    "neudorfer2020": article(
        "Neudorfer, Clemens; Germann, J\u00fcrgen; Elias, Gavin J. B.; Gramer, Robert; Boutet, Alexandre; "
        "Lozano, Andres M.",
        "A high-resolution in vivo magnetic resonance imaging atlas of the human hypothalamic region",
        2020,
        "Scientific Data",
        volume="7",
        pages="305",
        doi="10.1038/s41597-020-00644-6",
    ),
    "robinson2014": article(
        "Robinson, Emma C.; Jbabdi, Saad; Glasser, Matthew F.; Andersson, Jesper; Burgess, Gregory C.; "
        "Harms, Michael P.; Smith, Stephen M.; Van Essen, David C.; Jenkinson, Mark",
        "MSM: A new flexible framework for Multimodal Surface Matching",
        2014,
        "NeuroImage",
        volume="100",
        pages="414\u2013426",
        doi="10.1016/j.neuroimage.2014.05.069",
    ),
    "saranathan2021": article(
        "Saranathan, Manojkumar; Iglehart, Charles; Monti, Martin; Tourdias, Thomas; Rutt, Brian",
        "In vivo high-resolution structural MRI-based atlas of human thalamic nuclei",
        2021,
        "Scientific Data",
        volume="8",
        pages="275",
        doi="10.1038/s41597-021-01062-y",
    ),
    "su2019": article(
        "Su, Jason H.; Thomas, Francis T.; Kasoff, Willard S.; Tourdias, Thomas; Choi, Eun Young; Rutt, Brian K.; "
        "Saranathan, Manojkumar",
        "Thalamus Optimized Multi Atlas Segmentation (THOMAS): fast, fully automated segmentation of thalamic nuclei "
        "from structural MRI",
        2019,
        "NeuroImage",
        volume="194",
        pages="272\u2013282",
        doi="10.1016/j.neuroimage.2019.03.021",
    ),
    "tian2020": article(
        "Tian, Ye; Margulies, Daniel S.; Breakspear, Michael; Zalesky, Andrew",
        "Topographic organization of the human subcortex unveiled with functional connectivity gradients",
        2020,
        "Nature Neuroscience",
        volume="23",
        number="11",
        pages="1421\u20131432",
        doi="10.1038/s41593-020-00711-6",
    ),
    "tustison2010": article(
        "Tustison, Nicholas J.; Avants, Brian B.; Cook, Philip A.; Zheng, Yuanjie; Egan, Alexander; Yushkevich, "
        "Paul A.; Gee, James C.",
        "N4ITK: improved N3 bias correction",
        2010,
        "IEEE Transactions on Medical Imaging",
        volume="29",
        number="6",
        pages="1310\u20131320",
        doi="10.1109/TMI.2010.2046908",
    ),
    "vanessen2013": article(
        "Van Essen, David C.; Smith, Stephen M.; Barch, Deanna M.; Behrens, Timothy E. J.; Yacoub, Essa; "
        "Ugurbil, Kamil",
        "The WU-Minn Human Connectome Project: An overview",
        2013,
        "NeuroImage",
        volume="80",
        pages="62\u201379",
        doi="10.1016/j.neuroimage.2013.05.041",
    ),
}
