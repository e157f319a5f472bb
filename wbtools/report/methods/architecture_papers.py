"""Works on network architectures, and the libraries that run them."""

from __future__ import annotations

from wbtools.report.methods.paper import article, chapter, preprint, repository

_CVPR = "IEEE Conference on Computer Vision and Pattern Recognition (CVPR)"

PAPERS = {
    "alexsisay": repository("{AlexSisay}", "MRI-Retrieval", "https://github.com/AlexSisay/MRI-Retrieval"),
    "harris2020": article(
        "Harris, Charles R.; Millman, K. Jarrod; van der Walt, St\u00e9fan J.; Gommers, Ralf; Virtanen, Pauli; "
        "Cournapeau, David; Wieser, Eric; Taylor, Julian; Berg, Sebastian; Smith, Nathaniel J.; Kern, Robert; "
        "Picus, Matti; Hoyer, Stephan; van Kerkwijk, Marten H.; Brett, Matthew; Haldane, Allan; "
        "Fern\u00e1ndez del R\u00edo, Jaime; Wiebe, Mark; Peterson, Pearu; G\u00e9rard-Marchant, Pierre; "
        "Sheppard, Kevin; Reddy, Tyler; Weckesser, Warren; Abbasi, Hameer; Gohlke, Christoph; Oliphant, Travis E.",
        "Array programming with NumPy",
        2020,
        "Nature",
        volume="585",
        pages="357\u2013362",
        doi="10.1038/s41586-020-2649-2",
    ),
    "he2016": chapter(
        "He, Kaiming; Zhang, Xiangyu; Ren, Shaoqing; Sun, Jian",
        "Deep residual learning for image recognition",
        2016,
        _CVPR,
        pages="770\u2013778",
        doi="10.1109/CVPR.2016.90",
    ),
    "howard2019": chapter(
        "Howard, Andrew; Sandler, Mark; Chu, Grace; Chen, Liang-Chieh; Chen, Bo; Tan, Mingxing; Wang, Weijun; "
        "Zhu, Yukun; Pang, Ruoming; Vasudevan, Vijay; Le, Quoc V.; Adam, Hartwig",
        "Searching for MobileNetV3",
        2019,
        "IEEE/CVF International Conference on Computer Vision (ICCV)",
        pages="1314\u20131324",
        doi="10.1109/ICCV.2019.00140",
    ),
    "huang2017": chapter(
        "Huang, Gao; Liu, Zhuang; van der Maaten, Laurens; Weinberger, Kilian Q.",
        "Densely connected convolutional networks",
        2017,
        _CVPR,
        pages="2261\u20132269",
        doi="10.1109/CVPR.2017.243",
    ),
    "kan2020": preprint(
        "Kan, Maxim; Aliev, Ruslan; Rudenko, Anna; Drobyshev, Nikita; Petrashen, Nikita; Kondrateva, Ekaterina; "
        "Sharaev, Maxim; Bernstein, Alexander; Burnaev, Evgeny",
        "Interpretation of 3D CNNs for brain MRI data classification",
        2020,
        "2006.15969",
    ),
    "kenely": repository(
        "{matthewkenely}", "3d-siamese-twin-ranking", "https://github.com/matthewkenely/3d-siamese-twin-ranking"
    ),
    "paszke2019": chapter(
        "Paszke, Adam; Gross, Sam; Massa, Francisco; Lerer, Adam; Bradbury, James; Chanan, Gregory; Killeen, Trevor; "
        "Lin, Zeming; Gimelshein, Natalia; Antiga, Luca; Desmaison, Alban; K\u00f6pf, Andreas; Yang, Edward; "
        "DeVito, Zachary; Raison, Martin; Tejani, Alykhan; Chilamkurthy, Sasank; Steiner, Benoit; Fang, Lu; "
        "Bai, Junjie; Chintala, Soumith",
        "PyTorch: An imperative style, high-performance deep learning library",
        2019,
        "Advances in Neural Information Processing Systems",
        volume="32",
        pages="8024\u20138035",
        url="https://arxiv.org/abs/1912.01703",
    ),
    "ronneberger2015": chapter(
        "Ronneberger, Olaf; Fischer, Philipp; Brox, Thomas",
        "U-Net: Convolutional networks for biomedical image segmentation",
        2015,
        "Medical Image Computing and Computer-Assisted Intervention (MICCAI)",
        series="Lecture Notes in Computer Science",
        volume="9351",
        pages="234\u2013241",
        doi="10.1007/978-3-319-24574-4_28",
    ),
    "simonyan2015": preprint(
        "Simonyan, Karen; Zisserman, Andrew",
        "Very deep convolutional networks for large-scale image recognition",
        2015,
        "1409.1556",
        "International Conference on Learning Representations (ICLR)",
    ),
    "tan2021": chapter(
        "Tan, Mingxing; Le, Quoc V.",
        "EfficientNetV2: Smaller models and faster training",
        2021,
        "International Conference on Machine Learning (ICML)",
        series="Proceedings of Machine Learning Research",
        volume="139",
        pages="10096\u201310106",
        url="https://arxiv.org/abs/2104.00298",
    ),
    "woo2018": chapter(
        "Woo, Sanghyun; Park, Jongchan; Lee, Joon-Young; Kweon, In So",
        "CBAM: Convolutional block attention module",
        2018,
        "European Conference on Computer Vision (ECCV)",
        series="Lecture Notes in Computer Science",
        volume="11211",
        pages="3\u201319",
        doi="10.1007/978-3-030-01234-2_1",
    ),
    "xie2017": chapter(
        "Xie, Saining; Girshick, Ross; Doll\u00e1r, Piotr; Tu, Zhuowen; He, Kaiming",
        "Aggregated residual transformations for deep neural networks",
        2017,
        _CVPR,
        pages="5987\u20135995",
        doi="10.1109/CVPR.2017.634",
    ),
}
