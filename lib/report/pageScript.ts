/**
 * What runs in the report's page: draws the figures in the reader's colours, sorts and filters the table, opens the details
 * that a link leads to.
 */
export const pageScript = `
(() => {
  const dark = window.matchMedia('(prefers-color-scheme: dark)');
  const hovers = window.matchMedia('(hover: hover)').matches;
  const figures = JSON.parse(document.getElementById('figures').textContent);

  function themed(figure) {
    const darkInk = [[/#24292f|#57606a/g, '#c9d1d9'], [/#e4e7eb/g, '#30363d'], [/"#000000"/g, '"#f0f6fc"'], [/"(paper|plot)_bgcolor":"#ffffff"/g, '"$1_bgcolor":"rgba(0,0,0,0)"']];
    const lightInk = darkInk.slice(3);
    const text = (dark.matches ? darkInk : lightInk).reduce((json, [from, to]) => json.replace(from, to), JSON.stringify(figure));
    const { data, layout } = JSON.parse(text);
    delete layout.width;
    return { data, layout: { ...layout, autosize: true } };
  }
  function draw() {
    for (const { id, figure } of figures) {
      const { data, layout } = themed(figure);
      Plotly.react(id, data, layout, { responsive: true, displaylogo: false, displayModeBar: hovers ? 'hover' : false, modeBarButtonsToRemove: ['select2d', 'lasso2d'] });
    }
  }
  draw();
  dark.addEventListener('change', draw);

  const table = document.getElementById('all-runs');
  if (table) {
    const runsOf = (body) => [...body.rows].filter((row) => !row.classList.contains('group'));
    const valueOf = (row, column) => row.cells[column].dataset.value;
    const compare = (a, b) => (a !== '' && b !== '' && !isNaN(a) && !isNaN(b) ? a - b : a.localeCompare(b));
    table.querySelectorAll('button').forEach((button) => button.addEventListener('click', () => {
      const heading = button.parentElement;
      const column = Number(button.dataset.column);
      const direction = heading.ariaSort === 'descending' ? 'ascending' : 'descending';
      table.querySelectorAll('th[aria-sort]').forEach((other) => { other.ariaSort = 'none'; });
      heading.ariaSort = direction;
      const sign = direction === 'ascending' ? 1 : -1;
      for (const body of table.tBodies) {
        const missing = (row) => (valueOf(row, column) === '' ? 1 : 0);
        const rows = runsOf(body).sort((a, b) => missing(a) - missing(b) || sign * compare(valueOf(a, column), valueOf(b, column)));
        body.append(...rows);
      }
    }));
    const filter = document.getElementById('filter');
    const shown = document.getElementById('shown');
    filter.addEventListener('input', () => {
      const words = filter.value.toLowerCase().split(/\\s+/).filter(Boolean);
      let count = 0;
      let all = 0;
      for (const body of table.tBodies) {
        const rows = runsOf(body);
        for (const row of rows) {
          const text = (row.textContent + ' ' + valueOf(row, 1)).toLowerCase();
          row.hidden = !words.every((word) => text.includes(word));
        }
        const visible = rows.filter((row) => !row.hidden).length;
        body.hidden = visible === 0;
        count += visible;
        all += rows.length;
      }
      shown.textContent = words.length > 0 ? count + ' of ' + all + ' runs' : '';
    });
  }

  function openTarget() {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target instanceof HTMLDetailsElement) target.open = true;
  }
  openTarget();
  window.addEventListener('hashchange', openTarget);
})();
`;
