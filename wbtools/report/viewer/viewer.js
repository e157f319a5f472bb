// The interactive viewer of a report: a T1w with relevance over it, and cortical surfaces with maps and area names.
// Everything it shows stands in the page; unpacking.js, in front of this file in the same function, reads and colours
// it, and niivue draws slices and meshes.

const part = (name) => root.querySelector(`[data-part=${name}]`);

const [SULCUS, GYRUS, OUTLINE] = [120, 215, [40, 210, 210]];
const NEAR = 2.5; // mm around the pointer in which a vertex is looked for
const SAME_SIDE = 5; // mm behind the frontmost of these vertices
const ZOOM = 1.35; // of surfaces, which niivue draws small enough to be turned without being cut
const CLOSE = 5; // mm from a slice's crosshair to the vertex that names its area

// Light from the viewer, so that colours keep to the legend.
const SHADER = `#version 300 es
precision highp float;
uniform float opacity;
in vec4 vClr;
in vec3 vN;
out vec4 color;
void main() { color = vec4(vClr.rgb * (0.45 + 0.55 * abs(normalize(vN).z)), opacity); }`;

const VIEWS = { // hemispheres, azimuth and elevation; null: three slices
  "slices": null,
  "left-lateral": ["L", 90, 0], "left-medial": ["L", 270, 0],
  "right-lateral": ["R", 270, 0], "right-medial": ["R", 90, 0],
  "above": ["LR", 0, 90],
};

// ---------------------------------------------------------------------------------------------------- the scene

let nv, niivue, shader, image, grey, areas, folding, here = about.volume.centre, selected = "", view = "slices";
const surfaces = {}; // kind -> side -> {points, triangles, mesh}
const loaded = {}; // network -> {relevance, maps: {name: {L, R}}}
const network = () => about.networks[Number(field("network").value)];
const kind = () => field("kind").value;
const map = () => network().maps[Number(field("map").value)];
const sides = () => [...VIEWS[view][0]];

// A NIfTI-1 file of RGBA voxels: what niivue reads without resampling or windowing.
const nifti = ({ shape, origin, spacing }) => {
  const file = new DataView(new ArrayBuffer(352 + 4 * shape[0] * shape[1] * shape[2]));
  file.setInt32(0, 348, true);
  [3, ...shape, 1, 1, 1, 1].forEach((n, i) => file.setInt16(40 + 2 * i, n, true));
  file.setInt16(70, 2304, true); // RGBA32
  file.setInt16(72, 32, true);
  [1, spacing, spacing, spacing].forEach((mm, i) => file.setFloat32(76 + 4 * i, mm, true));
  file.setFloat32(108, 352, true); // where voxels begin
  file.setFloat32(112, 1, true);
  file.setUint8(123, 2); // millimetres
  file.setInt16(254, 1, true); // the rows that follow are scanner coordinates
  origin.forEach((mm, axis) => {
    file.setFloat32(280 + 16 * axis + 4 * axis, spacing, true);
    file.setFloat32(280 + 16 * axis + 12, mm, true);
  });
  [0x6e, 0x2b, 0x31].forEach((letter, i) => file.setUint8(344 + i, letter));
  return file.buffer;
};

const loadNetwork = async () => {
  const index = field("network").value;
  if (!loaded[index]) {
    const maps = network().maps.map(async ({ name, blocks }) => {
      const pairs = Object.entries(blocks).map(async ([side, block]) => [side, await unpacked(block)]);
      return [name, Object.fromEntries(await Promise.all(pairs))];
    });
    const relevance = await unpacked(network().relevance.block);
    loaded[index] = { relevance, maps: Object.fromEntries(await Promise.all(maps)) };
  }
  return loaded[index];
};

const loadSurfaces = async () => {
  for (const [name, { quantum, anatomical, blocks }] of Object.entries(about.surfaces)) {
    surfaces[name] = {};
    for (const [side, block] of Object.entries(blocks)) {
      const points = Float32Array.from(signed(await unpacked(block, 3)), (value) => value * quantum);
      if (!anatomical) moveBeside(points, side);
      const triangles = Uint32Array.from(await unpacked(`triangles.${side}`, 3));
      surfaces[name][side] = { points, triangles, mesh: null };
    }
  }
  const load = async (prefix) => Object.fromEntries(await Promise.all(
    about.sides.map(async (side) => [side, await unpacked(`${prefix}.${side}`)])));
  [areas, folding] = [await load("areas"), about.folding ? await load("folding") : null];
};

// Inflated hemispheres have no place in space, and may overlap: they are put beside one another.
const moveBeside = (points, side) => {
  const inner = side === "L" ? Math.max : Math.min;
  let edge = points[0];
  for (let i = 0; i < points.length; i += 3) edge = inner(edge, points[i]);
  for (let i = 0; i < points.length; i += 3) points[i] -= edge;
};

const drawSlices = async () => {
  const { relevance } = await loadNetwork(), table = coloured(network().relevance);
  for (let i = 0; i < grey.length; i++) paint(image.img, i, grey[i], table, relevance[i]);
  [nv.volumes, nv.meshes] = [[image], []];
  nv.updateGLVolume();
  nv.opts.backColor = [0, 0, 0, 1];
  nv.setSliceType(nv.sliceTypeMultiplanar);
  nv.scene.crosshairPos = nv.mm2frac(here);
  nv.drawScene();
  tell(whereabouts(here));
};

const drawSurfaces = async () => {
  const { maps } = await loadNetwork(), scale = map(), table = coloured(scale);
  nv.volumes = [];
  nv.meshes = sides().map((side) => {
    const surface = surfaces[kind()][side], values = maps[scale.name][side];
    const count = surface.points.length / 3, rgba = new Uint8Array(4 * count);
    for (let i = 0; i < count; i++) {
      const depth = folding ? folding[side][i] / 255 : 0.8;
      paint(rgba, i, SULCUS + (GYRUS - SULCUS) * depth, table, values[i]);
    }
    for (const vertex of outline(side, surface.triangles)) rgba.set(OUTLINE, 4 * vertex);
    surface.mesh ??= new niivue.NVMesh(surface.points, surface.triangles, side, rgba, 1, true, nv.gl);
    surface.mesh.rgba255 = rgba;
    surface.mesh.updateMesh(nv.gl);
    surface.mesh.meshShaderIndex = shader;
    return surface.mesh;
  });
  nv.opts.backColor = [1, 1, 1, 1];
  nv.scene.volScaleMultiplier = ZOOM;
  nv.setSliceType(nv.sliceTypeRender);
};

// Vertices along the border of the selected area.
const outline = (side, triangles) => {
  const border = [], index = about.areas.indexOf(selected) + 1;
  for (let i = 0; index && i < triangles.length; i += 3) {
    const corners = [triangles[i], triangles[i + 1], triangles[i + 2]];
    const inside = corners.filter((vertex) => areas[side][vertex] === index);
    if (inside.length === 1 || inside.length === 2) border.push(...inside);
  }
  return border;
};

let drawing = null, again = false;
// One drawing at a time: what a slider asks for meanwhile is drawn once, afterwards.
const draw = async () => {
  if (drawing) { again = true; return; }
  drawing = view === "slices" ? drawSlices() : drawSurfaces();
  await drawing;
  drawing = null;
  legend();
  root.dataset.drawn = String(Number(root.dataset.drawn ?? 0) + 1);
  if (again) { again = false; await draw(); }
};

const show = (name) => {
  if (name !== view && VIEWS[name]) nv.setRenderAzimuthElevation(VIEWS[name][1], VIEWS[name][2]);
  view = name;
  for (const button of root.querySelectorAll("[data-view]")) {
    button.setAttribute("aria-pressed", String(button.dataset.view === view));
  }
  part("for-surfaces").hidden = view === "slices";
  if (view !== "slices") tell(""); // no longer where the slices were
  return draw();
};

// ---------------------------------------------------------------------------------------------------- words

const tell = (text) => { part("words").textContent = text; };
const number = (value) => (
  Math.abs(value) < 1e-3 && value ? value.toExponential(1) : String(Number(value.toPrecision(2))));

const legend = () => {
  const scale = view === "slices" ? network().relevance : map();
  const stops = scale.negative ? [...[...COOL].reverse(), ...WARM] : WARM;
  part("bar").style.background = `linear-gradient(to right, ${stops.join(", ")})`;
  part("low").textContent = scale.negative ? number(-scale.maximum) : "0";
  part("high").textContent = `${number(scale.maximum)} ${scale.unit}`.trim();
  const threshold = Number(field("threshold").value);
  part("threshold").textContent = `${threshold} % (${number(scale.maximum * threshold / 100)})`;
  part("opacity").textContent = `${field("opacity").value} %`;
};

const areaAt = (side, vertex) => about.areas[areas[side][vertex] - 1] ?? "outside every area";

const atVertex = ({ side, vertex }) => {
  const value = signed(loaded[field("network").value].maps[map().name][side])[vertex] * map().step;
  return `${areaAt(side, vertex)}: ${map().name} ${number(value)}`;
};

const whereabouts = (mm) => {
  const { shape, origin, spacing } = about.volume;
  const [i, j, k] = mm.slice(0, 3).map((at, axis) => Math.round((at - origin[axis]) / spacing));
  const inside = [i, j, k].every((index, axis) => index >= 0 && index < shape[axis]);
  const relevance = signed(loaded[field("network").value].relevance);
  const value = inside ? relevance[i + shape[0] * (j + shape[1] * k)] * network().relevance.step : 0;
  const near = nearest(mm), place = near ? `, ${areaAt(near.side, near.vertex)}` : "";
  const words = ["x", "y", "z"].map((axis, n) => `${axis} ${mm[n].toFixed(0)}`).join(", ");
  return `${words} mm${place}: relevance ${number(value)}`;
};

// ---------------------------------------------------------------------------------------------------- pointing

const place = (side, vertex) => surfaces[about.anatomical][side].points.subarray(3 * vertex, 3 * vertex + 3);

const nearest = (mm) => {
  let found = null, least = CLOSE * CLOSE;
  for (const [side, { points }] of Object.entries(surfaces[about.anatomical] ?? {})) {
    for (let i = 0; i < points.length; i += 3) {
      const far = (points[i] - mm[0]) ** 2 + (points[i + 1] - mm[1]) ** 2 + (points[i + 2] - mm[2]) ** 2;
      if (far < least) [least, found] = [far, { side, vertex: i / 3 }];
    }
  }
  return found;
};

// The vertex under a point of the canvas: of the frontmost ones around it, the one closest to it on the screen.
const vertexAt = (x, y) => {
  const region = [0, 0, nv.canvas.width, nv.canvas.height];
  const [m, model] = nv.calculateMvpMatrix(null, region, nv.scene.renderAzimuth, nv.scene.renderElevation);
  const along = (matrix, row, p, i) => matrix[row] * p[i] + matrix[4 + row] * p[i + 1] + matrix[8 + row] * p[i + 2] +
    matrix[12 + row];
  const [right, up] = [2 * x / nv.canvas.clientWidth - 1, 1 - 2 * y / nv.canvas.clientHeight];
  const [wide, high] = [0, 1].map((row) => Math.hypot(m[row], m[4 + row], m[8 + row])); // of a screen of 2 x 2, a mm
  const candidates = [];
  for (const side of sides()) {
    const { points } = surfaces[kind()][side];
    for (let i = 0; i < points.length; i += 3) {
      const off = Math.hypot((along(m, 0, points, i) - right) / wide, (along(m, 1, points, i) - up) / high);
      // niivue mirrors the model before it looks at it from behind: the front has the lowest z.
      if (off <= NEAR) candidates.push({ side, vertex: i / 3, off, front: -along(model, 2, points, i) });
    }
  }
  const front = Math.max(...candidates.map((candidate) => candidate.front)) - SAME_SIDE;
  return candidates.filter((candidate) => candidate.front >= front).sort((a, b) => a.off - b.off)[0];
};

const hover = (event) => {
  if (view === "slices" || drawing || event.buttons) return;
  const found = vertexAt(event.offsetX, event.offsetY);
  tell(found ? atVertex(found) : "");
  if (found && event.type === "click") here = [...place(found.side, found.vertex)];
};

// The vertex of an area that is closest to the mean of its vertices, and whether it faces outwards on its hemisphere.
const centreOf = (index) => {
  for (const side of about.sides) {
    const { triangles } = surfaces[about.anatomical][side];
    const members = [...areas[side].keys()].filter((vertex) => areas[side][vertex] === index);
    if (!members.length) continue;
    const at = (vertex) => place(side, vertex);
    const mean = [0, 1, 2].map((axis) => members.reduce((sum, v) => sum + at(v)[axis], 0) / members.length);
    const far = (vertex) => at(vertex).reduce((sum, value, axis) => sum + (value - mean[axis]) ** 2, 0);
    const centre = members.reduce((best, vertex) => (far(vertex) < far(best) ? vertex : best));
    let outwards = 0; // the x component of the area's normal
    for (let i = 0; i < triangles.length; i += 3) {
      if (areas[side][triangles[i]] !== index) continue;
      const [a, b, c] = [0, 1, 2].map((n) => at(triangles[i + n]));
      outwards += (b[1] - a[1]) * (c[2] - a[2]) - (b[2] - a[2]) * (c[1] - a[1]);
    }
    return { side, vertex: centre, mm: [...at(centre)], lateral: (outwards < 0) === (side === "L") };
  }
  return null;
};

const selectRegion = async () => {
  selected = field("region").value;
  if (about.places[selected]) {
    here = about.places[selected];
    await show("slices");
    tell(`${selected}: ${whereabouts(here)}`);
  } else if (selected) {
    const centre = centreOf(about.areas.indexOf(selected) + 1);
    here = centre.mm;
    const side = centre.side === "L" ? "left" : "right";
    await show(view === "slices" ? view : `${side}-${centre.lateral ? "lateral" : "medial"}`);
    tell(view === "slices" ? whereabouts(here) : atVertex(centre));
  } else await draw();
};

// ---------------------------------------------------------------------------------------------------- start

const fillRegions = () => {
  const present = new Set(about.sides.flatMap((side) => [...areas[side]]));
  const names = [...Object.keys(about.places), ...about.areas.filter((_, i) => present.has(i + 1))];
  field("region").append(...names.map((name) => new Option(name, name)));
};

const fillMaps = () => field("map").replaceChildren(...network().maps.map(({ name }, i) => new Option(name, i)));

const able = () => {
  const context = typeof DecompressionStream === "function" && document.createElement("canvas").getContext("webgl2");
  if (context) context.getExtension("WEBGL_lose_context")?.loseContext(); // the page keeps a single context
  return Boolean(context);
};

// The crosshair ends where letters stand: an I is not seen on a line.
const keepLettersClear = () => {
  const letters = nv.drawSliceOrientationText.bind(nv);
  nv.drawSliceOrientationText = (place, ...rest) => {
    const [x, y, wide, high] = place, size = 1.2 * nv.fontPx;
    nv.gl.viewport(0, 0, nv.gl.canvas.width, nv.gl.canvas.height);
    for (const top of [y, y + high - size]) nv.drawRect([x + (wide - size) / 2, top, size, size], [0, 0, 0, 1]);
    letters(place, ...rest);
  };
};

const startEngine = async () => {
  const script = document.createElement("script");
  script.textContent = new TextDecoder().decode(await unzipped("engine"));
  document.head.append(script); // runs at once
  niivue = window.niivue;
  nv = new niivue.Niivue({
    logLevel: "error", dragAndDropEnabled: false, scrollRequiresFocus: true, viewModeHotKey: "", clipPlaneHotKey: "",
    multiplanarLayout: 3, multiplanarShowRender: 0, showAllOrientationMarkers: true, multiplanarPadPixels: 16,
    sagittalNoseLeft: true,
    fontMinPx: 18, fontColor: [1, 1, 1, 1], crosshairColor: [0.2, 0.9, 0.9, 0.7], dragMode: 3,
    loadingText: "",
  });
  await nv.attachToCanvas(part("canvas"), true);
  keepLettersClear();
  shader = nv.setCustomMeshShader(SHADER, "Report");
  nv.onLocationChange = ({ mm }) => {
    if (view === "slices" && !drawing) { here = [...mm].slice(0, 3); tell(whereabouts(here)); }
  };
};

const listen = () => {
  for (const name of ["threshold", "opacity"]) field(name).addEventListener("input", draw);
  for (const name of ["kind", "map"]) field(name).addEventListener("change", draw);
  field("network").addEventListener("change", () => { fillMaps(); draw(); });
  field("region").addEventListener("change", selectRegion);
  for (const button of root.querySelectorAll("[data-view]")) {
    button.addEventListener("click", () => show(button.dataset.view));
  }
  for (const type of ["mousemove", "click"]) part("canvas").addEventListener(type, hover);
};

let started = false;
const start = async () => {
  if (started) return;
  started = true;
  part("start").hidden = true;
  if (!able()) { part("unable").hidden = false; return; }
  part("stage").hidden = false;
  tell("Unpacking …");
  await startEngine();
  grey = (await levels("t1w", about.volume.shape)).map((level) => level * 255 / (about.volume.greys - 1));
  await loadSurfaces();
  image = await niivue.NVImage.new(nifti(about.volume), "T1w.nii", "gray", 1);
  nv.addVolume(image);
  fillMaps();
  fillRegions();
  field("threshold").value = Math.round(100 * network().relevance.threshold / network().relevance.maximum);
  listen();
  await show("slices");
};

part("start").hidden = false;
part("start").addEventListener("click", start);
const seen = new IntersectionObserver((entries) => {
  if (entries.some((entry) => entry.isIntersecting)) { seen.disconnect(); start(); }
});
seen.observe(root);
