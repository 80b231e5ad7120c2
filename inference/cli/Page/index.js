'use strict';
// The table is whole without this script; it only puts its rows into another order.
const body = document.querySelector('tbody');
const heads = [...document.querySelectorAll('th')];

// Numbers by size, texts as people sort them; what is not there comes last in either direction.
function compare(a, b, numeric, direction) {
  if (a === '' || b === '') return (a === '') - (b === '');
  return direction * (numeric ? a - b : a.localeCompare(b, 'en', { numeric: true }));
}

heads.forEach((head, column) => head.querySelector('button')?.addEventListener('click', () => {
  const numeric = head.hasAttribute('data-numeric');
  const state = head.getAttribute('aria-sort');
  const direction = state === 'none' ? (numeric && head.id !== 'head-status' ? -1 : 1) : state === 'ascending' ? -1 : 1;
  const rows = [...body.rows];
  const key = (row, n) => row.cells[n]?.dataset.key ?? ''; // a failed case has its error in place of figures
  rows.sort((a, b) => compare(key(a, column), key(b, column), numeric, direction) || compare(key(a, 0), key(b, 0), false, 1));
  body.append(...rows);
  for (const other of heads) if (other.hasAttribute('aria-sort')) other.setAttribute('aria-sort', other === head ? (direction > 0 ? 'ascending' : 'descending') : 'none');
  document.getElementById('order').textContent = `By ${head.dataset.name}, ${direction > 0 ? 'ascending' : 'descending'}.`;
}));
