// The card that shows a bar's figures, by pointer or arrow keys. The figures come from the chart's own table.
import { $, $$, on, el, say } from './dom.js';

function show(area, day) {
  const slots = $$('.chart-slot', area);
  const at = Math.max(0, Math.min(day, slots.length - 1));
  area.dataset.at = at;
  slots.forEach((s, i) => s.classList.toggle('on', i === at));
  const table = document.getElementById(area.closest('[data-chart]').dataset.chart);
  const cells = [...$$('tbody tr', table)[at].cells];
  const heads = [...$('thead tr', table).cells];
  const title = cells[0].textContent.trim().replace(/\s+/g, ' ');
  const total = cells[cells.length - 1].textContent.trim();
  const rows = cells.slice(1, -1).map((c, i) => [heads[i + 1], c.textContent.trim()]).filter(([, v]) => v && !/^\$?0(\.00)?$/.test(v));
  let card = $('.chart-card', area);
  if (!card) {
    card = el('div', { class: 'chart-card', 'aria-hidden': 'true' });
    area.append(card);
  }
  card.replaceChildren(
    el('p', { class: 'flex items-baseline justify-between gap-2' }, el('span', { class: 'font-medium' }, title), el('span', { class: 'font-semibold tabular-nums' }, total)),
    el('ul', { class: 'mt-2 space-y-1 text-fg-2' }, ...rows.map(([h, v]) => el('li', { class: 'flex items-center gap-2' }, el('span', { class: 'size-2 shrink-0 rounded-[2px] ' + h.dataset.dot }), el('span', { class: 'truncate' }, h.textContent), el('span', { class: 'ml-auto tabular-nums text-fg' }, v)))));
  const box = area.getBoundingClientRect();
  const slot = slots[at].getBoundingClientRect();
  const left = slot.right - box.left + 8;
  card.style.left = (left + card.offsetWidth > box.width ? Math.max(0, slot.left - box.left - card.offsetWidth - 8) : left) + 'px';
  card.style.top = '12%';
  return `${title}: ${total}`;
}

function hide(area) {
  $('.chart-card', area)?.remove();
  $$('.chart-slot.on', area).forEach((s) => s.classList.remove('on'));
}

export function charts() {
  on('pointerover', '.chart-slot', (e, s) => show(s.closest('[data-chart-area]'), +s.dataset.day));
  on('pointerout', '[data-chart-area]', (e, a) => { if (!a.contains(e.relatedTarget) && document.activeElement !== a) hide(a); });
  on('focusout', '[data-chart-area]', (e, a) => hide(a));
  on('keydown', '[data-chart-area]', (e, a) => {
    const last = $$('.chart-slot', a).length - 1;
    const at = 'at' in a.dataset ? +a.dataset.at : last + 1;
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: last }[e.key];
    if (e.key === 'Escape') hide(a);
    if (to === undefined) return;
    e.preventDefault();
    say(show(a, to));
  });
}
