// What the page holds, unpacked (packing.py packs it), and the colours of its numbers. Slices and surfaces share one
// colouring: full opacity from the threshold on, fading smoothly to none at zero.

const root = document.getElementById("viewer");
const about = JSON.parse(root.querySelector("[data-block=about]").textContent);
const field = (name) => root.querySelector(`[name=viewer-${name}]`);

// ---------------------------------------------------------------------------------------------------- unpacking

const unzipped = async (name) => {
  const text = atob(root.querySelector(`[data-block="${name}"]`).textContent.trim());
  const bytes = Uint8Array.from({ length: text.length }, (_, i) => text.charCodeAt(i));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
};

// 8-bit voxels, stored as differences along each axis.
const levels = async (name, shape) => {
  const values = await unzipped(name);
  for (let axis = 0, stride = 1; axis < 3; stride *= shape[axis++]) {
    const row = stride * shape[axis];
    for (let i = stride; i < values.length; i++) if (i % row >= stride) values[i] += values[i - stride];
  }
  return values;
};

// Columns of 16-bit numbers: differences along each column, all low bytes before all high bytes; (rows x columns).
const unpacked = async (name, columns = 1) => {
  const bytes = await unzipped(name);
  const size = bytes.length / 2, rows = size / columns, values = new Uint16Array(size);
  for (let column = 0, i = 0; column < columns; column++) {
    for (let row = 0, sum = 0; row < rows; row++, i++) {
      sum += bytes[i] | (bytes[size + i] << 8);
      values[row * columns + column] = sum;
    }
  }
  return values;
};

const signed = (values) => new Int16Array(values.buffer);

// ---------------------------------------------------------------------------------------------------- colours

const WARM = ["#000004", "#1d1147", "#51127c", "#832681", "#b73779", "#e75263", "#fc8961", "#fec488", "#fcfdbf"];
const COOL = ["#000408", "#0b2540", "#12487c", "#1f6f9f", "#2f97b7", "#52bdd0", "#88dbe0", "#bdf0ee", "#e6fdfb"];
// 256 colours between anchors.
const ramp = (anchors) => Array.from({ length: 256 }, (_, i) => {
  const at = i / 255 * (anchors.length - 1), low = Math.min(Math.floor(at), anchors.length - 2);
  const channel = (text, c) => parseInt(text.slice(1 + 2 * c, 3 + 2 * c), 16);
  return [0, 1, 2].map((c) => channel(anchors[low], c) * (1 - at + low) + channel(anchors[low + 1], c) * (at - low));
});
const [warm, cool] = [ramp(WARM), ramp(COOL)];

const opacityAt = (share, threshold) => {
  const t = threshold > 0 ? Math.min(share / threshold, 1) : Number(share > 0);
  return t * t * (3 - 2 * t);
};

// Red, green, blue and opacity (0 to 1) of each 16-bit number of a map, seen as unsigned: four numbers each.
const coloured = (scale) => {
  const threshold = Number(field("threshold").value) / 100, opacity = Number(field("opacity").value) / 100;
  const table = new Float32Array(4 * 65536);
  for (let value = -32768; value < 32768; value++) {
    if (value === 0 || (value < 0 && !scale.negative)) continue;
    const share = Math.abs(value) * scale.step / scale.maximum, at = 4 * (value & 0xffff);
    table.set((value < 0 ? cool : warm)[Math.min(Math.round(255 * share), 255)], at);
    table[at + 3] = opacity * opacityAt(share, threshold);
  }
  return table;
};

const paint = (target, i, grey, table, value) => {
  const alpha = table[4 * value + 3];
  for (let c = 0; c < 3; c++) target[4 * i + c] = grey * (1 - alpha) + table[4 * value + c] * alpha;
  target[4 * i + 3] = 255;
};
