'use strict';
// What the page shows comes from the JSON and the volumes above; text is set as text, never as markup.
const data = JSON.parse(document.getElementById('case').textContent);
const byId = id => document.getElementById(id);
const palette = ['#e69f00', '#009e73', '#cc79a7', '#f0e442', '#d55e00', '#0072b2']; // Okabe and Ito, told apart with any colour vision; their sky blue is the crosshair's

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) made.setAttribute(key, value === true ? '' : value);
  }
  made.append(...children);
  return made;
}

function drawing(name, attributes = {}, ...children) {
  const made = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

const number = (value, digits) => value === null || value === undefined ? '–' : value.toFixed(digits);
const millilitres = value => number(value, value >= 10 ? 1 : value >= 1 ? 2 : 3);
const interval = pair => pair ? `${millilitres(pair[0])} to ${millilitres(pair[1])}` : '–';

function writeHeader() {
  byId('summary').textContent = data.classes
    .map(c => `${c.name}: ${millilitres(c.volume)} mL${c.volumeInterval ? ` (95 % interval ${interval(c.volumeInterval)})` : c.interval ? ` (95 % of samples ${interval(c.interval)})` : ''}`).join('; ');
  byId('use').textContent = data.intendedUse;
  if (data.warnings.length > 0) {
    const box = byId('warnings');
    box.hidden = false;
    box.querySelector('ul').append(...data.warnings.map(w => element('li', {}, w)));
  }
  for (const [name, value] of data.run) byId('run').append(element('dt', {}, name), element('dd', {}, value));
}

function writeLesions(jump) {
  const host = byId('lesions');
  if (data.lesions.length === 0) {
    host.append(element('p', {}, 'No lesion above the threshold.'));
    return;
  }

  const several = data.classes.length > 1;
  const heads = ['No.', ...(several ? ['Class'] : []), 'mL (95 % of samples)', 'In samples', 'Mutual inform., nats'];
  const table = element('table', {}, element('thead', {}, element('tr', {}, ...heads.map(h => element('th', { scope: 'col', class: h === 'Class' ? 'text' : null }, h)))));
  const body = element('tbody');
  for (const lesion of data.lesions) {
    const button = element('button', { type: 'button', 'aria-label': `Show lesion ${lesion.number}, ${millilitres(lesion.volume)} millilitres` }, String(lesion.number));
    const row = element('tr', { id: `lesion-${lesion.number}` }, element('td', {}, button),
      ...(several ? [element('td', { class: 'text' }, lesion.class)] : []),
      element('td', {}, millilitres(lesion.volume) + (lesion.sampleVolumeInterval ? ` (${interval(lesion.sampleVolumeInterval)})` : '')),
      element('td', {}, lesion.existenceProbability === null ? '–' : `${Math.round(100 * lesion.existenceProbability)} %`), element('td', {}, number(lesion.meanMutualInformation, 3)));
    button.addEventListener('click', () => jump(lesion, row));
    body.append(row);
  }
  table.append(body);
  host.append(element('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Table of lesions' }, table));
  if (data.lesionsLeftOut > 0) host.append(element('p', { class: 'quiet' }, `${data.lesionsLeftOut} smaller ones are in lesions.csv.`));
}

function writeHistogram() {
  const host = byId('histogram');
  for (const [index, c] of data.classes.entries()) {
    const volumes = c.sampleVolumes;
    if (volumes.length < 2) {
      host.append(element('p', { class: 'quiet' }, `${c.name}: one run, so no spread.`));
      continue;
    }

    const [low, high] = [Math.min(...volumes), Math.max(...volumes)];
    const bins = Math.min(20, Math.max(1, Math.ceil(Math.sqrt(volumes.length)) + 2));
    const width = (high - low) / bins || 1;
    const counts = new Array(bins).fill(0);
    for (const v of volumes) counts[Math.min(bins - 1, Math.floor((v - low) / width))]++;
    const most = Math.max(...counts);
    const text = `${c.name}: volume in ${volumes.length} samples from ${millilitres(low)} to ${millilitres(high)} mL, mean ${millilitres(volumes.reduce((a, b) => a + b) / volumes.length)} mL`;
    const [w, h, foot] = [420, 130, 22];
    const x = value => 10 + (value - low) / (width * bins) * (w - 20);
    const svg = drawing('svg', { viewBox: `0 0 ${w} ${h + foot}`, width: w, role: 'img', 'aria-label': text });
    counts.forEach((n, b) => svg.append(drawing('rect', {
      x: x(low + b * width) + 1, y: h - n / most * (h - 16), width: Math.max(1, (w - 20) / bins - 2), height: n / most * (h - 16), fill: palette[index % palette.length],
    })));
    if (c.interval) {
      for (const edge of c.interval) {
        const at = Math.min(w - 10, Math.max(10, x(edge)));
        svg.append(drawing('line', { x1: at, x2: at, y1: 4, y2: h, stroke: 'currentColor', 'stroke-dasharray': '4 3' }));
      }
    }
    svg.append(drawing('line', { x1: 10, x2: w - 10, y1: h, y2: h, stroke: 'currentColor' }));
    const left = drawing('text', { x: 10, y: h + 16 }, `${millilitres(low)} mL`);
    const right = drawing('text', { x: w - 10, y: h + 16, 'text-anchor': 'end' }, `${millilitres(low + width * bins)} mL`);
    svg.append(left, right);
    host.append(element('figure', { style: 'margin:0' }, svg, element('figcaption', { class: 'quiet' }, `${text}. Dashed: 2.5th and 97.5th percentile.`)));
  }
}

function describe() {
  const shown = data.lesions.slice(0, 3).map(l => `lesion ${l.number} of ${millilitres(l.volume)} millilitres at ${[l.centroid.x, l.centroid.y, l.centroid.z].map(c => Math.round(c)).join(', ')} mm`).join('; ');
  byId('alternative').textContent = `The scan with its segmentation and maps in axial, coronal and sagittal view. ${data.lesions.length} lesions listed${shown ? `, the largest: ${shown}` : ''}. `
    + 'Keys: H and L move left and right, J and K back and forth, U and D up and down, V changes the view.';
}

const labelName = (labels, value) => labels.find(l => l.value === Math.round(value))?.name ?? 'none';

async function view() {
  const canvas = byId('canvas');
  const nv = new niivue.Niivue({
    backColor: [0, 0, 0, 1], show3Dcrosshair: true, crosshairColor: [0.34, 0.71, 0.91, 0.9], crosshairGap: 6, crosshairWidth: 0.3, isRadiologicalConvention: true, dragAndDropEnabled: false,
    multiplanarForceRender: true, multiplanarLayout: niivue.MULTIPLANAR_TYPE.GRID, isColorbar: false, logLevel: 'error',
  });
  await nv.attachToCanvas(canvas);
  for (const layer of data.layers) {
    const image = await niivue.NVImage.loadFromBase64({
      base64: byId(`volume-${layer.id}`).textContent.trim(), name: `${layer.id}.nii.gz`, colormap: layer.colormap ?? 'gray', opacity: layer.shown ? layer.opacity : 0,
      cal_min: layer.low, cal_max: layer.high,
    });
    if (layer.labels) {
      const [R, G, B, A, I, labels] = [[0], [0], [0], [0], [0], ['']];
      layer.labels.forEach((label, n) => {
        const colour = palette[n % palette.length];
        R.push(parseInt(colour.slice(1, 3), 16));
        G.push(parseInt(colour.slice(3, 5), 16));
        B.push(parseInt(colour.slice(5, 7), 16));
        A.push(255);
        I.push(label.value);
        labels.push(label.name);
      });
      image.setColormapLabel({ R, G, B, A, I, labels });
    }
    nv.addVolume(image);
  }

  nv.onLocationChange = location => {
    const [x, y, z] = location.mm;
    const side = (value, plus, minus) => `${Math.abs(value).toFixed(1)} ${value < 0 ? minus : plus}`;
    byId('position').textContent = `${side(x, 'R', 'L')}, ${side(y, 'A', 'P')}, ${side(z, 'S', 'I')} mm: `
      + location.values.map((v, n) => `${data.layers[n].name} ${data.layers[n].labels ? labelName(data.layers[n].labels, v.value) : data.layers[n].colormap === 'gray' ? v.value.toPrecision(3) : v.value.toFixed(3)}`).join(', ');
    byId('position').dataset.mm = [x, y, z].map(v => v.toFixed(2)).join(' ');
  };

  const names = { All: nv.sliceTypeMultiplanar, Axial: nv.sliceTypeAxial, Coronal: nv.sliceTypeCoronal, Sagittal: nv.sliceTypeSagittal };
  for (const [name, type] of Object.entries(names)) {
    const button = element('button', { type: 'button', 'aria-pressed': String(name === 'All') }, name);
    button.addEventListener('click', () => {
      nv.setSliceType(type);
      for (const other of byId('views').children) other.setAttribute('aria-pressed', String(other === button));
    });
    byId('views').append(button);
  }
  nv.setSliceType(nv.sliceTypeMultiplanar);

  data.layers.forEach((layer, n) => {
    const box = element('input', { type: 'checkbox', id: `show-${layer.id}`, checked: layer.shown });
    const slider = element('input', { type: 'range', min: '0', max: '100', value: String(Math.round(100 * layer.opacity)), 'aria-label': `Opacity of ${layer.name}` });
    const percent = element('output', {}, `${slider.value} %`);
    const apply = () => {
      percent.textContent = `${slider.value} %`;
      nv.setOpacity(n, box.checked ? slider.value / 100 : 0);
    };
    box.addEventListener('change', apply);
    slider.addEventListener('input', () => {
      box.checked = true;
      apply();
    });
    const marks = (layer.labels ?? []).map((label, k) => element('span', { class: 'swatch', style: `background:${palette[k % palette.length]}`, title: label.name }));
    byId('layers').append(element('div', { class: 'layer' }, element('label', { for: box.id }, box, layer.name, ...marks), slider, percent));
  });

  return (lesion, row) => {
    nv.scene.crosshairPos = nv.mm2frac([lesion.peak.x, lesion.peak.y, lesion.peak.z], 0, true); // true: by the whole affine, not as if a tilted scan were straight
    nv.updateGLVolume();
    nv.createOnLocationChange();
    for (const other of document.querySelectorAll('tr[aria-current]')) other.removeAttribute('aria-current');
    row.setAttribute('aria-current', 'true');
    history.replaceState(null, '', `#lesion-${lesion.number}`);
  };
}

(async () => {
  writeHeader();
  writeHistogram();
  describe();
  let show = () => {};
  writeLesions((lesion, row) => show(lesion, row));
  if (!document.createElement('canvas').getContext('webgl2')) {
    byId('stage').replaceChildren(element('p', { class: 'alert', role: 'alert', style: 'margin:1rem' },
      'The pictures need WebGL 2, which this browser does not offer. The figures on this page are complete without them; the maps lie beside it as NIfTI files.'));
    document.body.dataset.ready = 'without-pictures';
    return;
  }

  show = await view();
  const wanted = data.lesions.find(l => `#lesion-${l.number}` === location.hash) ?? data.lesions[0];
  if (wanted) show(wanted, byId(`lesion-${wanted.number}`));
  document.body.dataset.ready = 'true';
})();
