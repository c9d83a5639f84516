// The model picker: the list of checkboxes becomes a combobox (ARIA 1.2, list autocomplete) that checks the same boxes.
import { $, $$, el, say, counted } from './dom.js';

export function picker(field) {
  const list = $('.picker-list', field);
  if (!list || field.dataset.ready) return;
  field.dataset.ready = '1';
  const boxes = $$('input[type=checkbox]', list);
  const id = list.id + '-box';
  const { placeholder, remove, none, found, label } = field.dataset;
  const input = el('input', { id, class: 'picker-input', role: 'combobox', 'aria-expanded': 'false', 'aria-controls': id + '-list', 'aria-autocomplete': 'list', 'aria-label': label, autocomplete: 'off', spellcheck: 'false', placeholder });
  if (field.getAttribute('aria-describedby')) input.setAttribute('aria-describedby', field.getAttribute('aria-describedby'));
  const box = el('div', { class: 'picker-box' }, input);
  if (field.dataset.invalid) { box.classList.add('field-bad'); input.setAttribute('aria-invalid', 'true'); }
  const pop = el('ul', { id: id + '-list', role: 'listbox', 'aria-label': label, 'aria-multiselectable': 'true', class: 'picker-pop', hidden: '' });
  list.hidden = true;
  list.after(box, pop);
  const clear = $('[data-picker-clear]', field);
  const all = $('[data-picker-all]', field);
  let active = -1;

  const options = () => $$('[role=option]', pop);

  function tokens() {
    $$('.picker-token', box).forEach((t) => t.remove());
    const chosen = boxes.filter((b) => b.checked);
    for (const b of chosen) {
      const x = el('button', { type: 'button', 'aria-label': `${remove} ${b.dataset.text}` }, '×');
      x.addEventListener('click', () => { set(b, false); input.focus(); });
      input.before(el('span', { class: 'picker-token' }, el('span', { class: 'truncate' }, b.dataset.text), x));
    }
    if (clear) clear.hidden = chosen.length === 0;
    if (all) all.hidden = chosen.length > 0;
  }

  function set(b, to) {
    b.checked = to;
    b.dispatchEvent(new Event('change', { bubbles: true }));
    tokens();
    if (!pop.hidden) show();
  }

  function mark(i) {
    const o = options();
    active = o.length ? (i + o.length) % o.length : -1;
    o.forEach((n, k) => n.toggleAttribute('data-active', k === active));
    if (active >= 0) {
      input.setAttribute('aria-activedescendant', o[active].id);
      o[active].scrollIntoView({ block: 'nearest' });
    } else input.removeAttribute('aria-activedescendant');
  }

  function show() {
    const q = input.value.trim().toLowerCase();
    const hits = boxes.filter((b) => !b.checked && b.dataset.text.toLowerCase().includes(q)).slice(0, 50);
    pop.replaceChildren(...hits.map((b) => {
      const reason = b.disabled ? b.closest('label').querySelector('.block')?.textContent : '';
      const o = el('li', { id: b.id + '-o', role: 'option', 'aria-selected': 'false', class: 'picker-option' }, el('span', {}, b.dataset.text), el('span', {}, reason || b.dataset.note));
      if (b.disabled) o.setAttribute('aria-disabled', 'true');
      o.addEventListener('mousedown', (e) => { e.preventDefault(); choose(b); });
      return o;
    }));
    if (!hits.length) pop.replaceChildren(el('li', { role: 'option', 'aria-disabled': 'true', 'aria-selected': 'false', class: 'picker-option' }, el('span', { class: '!font-sans' }, none)));
    pop.hidden = false;
    input.setAttribute('aria-expanded', 'true');
    mark(hits.length && q ? 0 : -1);
    if (q) say(counted(found, hits.length));
  }

  function hide() {
    pop.hidden = true;
    input.setAttribute('aria-expanded', 'false');
    mark(-1);
  }

  function choose(b) {
    if (b.disabled) return;
    input.value = '';
    set(b, true);
  }

  input.addEventListener('input', show);
  input.addEventListener('click', show);
  input.addEventListener('blur', hide);
  input.addEventListener('change', (e) => e.stopPropagation());
  box.addEventListener('click', (e) => { if (e.target === box) { input.focus(); show(); } });
  input.addEventListener('keydown', (e) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[e.key];
    if (step) { e.preventDefault(); if (pop.hidden) show(); mark(active < 0 && step < 0 ? -1 : active + step); return; }
    if (e.key === 'Enter' && !pop.hidden && !e.ctrlKey && !e.metaKey) {
      e.preventDefault();
      const hit = boxes.find((b) => b.id + '-o' === options()[active]?.id);
      if (hit) choose(hit);
    } else if (e.key === 'Escape' && !pop.hidden) {
      e.preventDefault();
      e.stopPropagation();
      hide();
    } else if (e.key === 'Backspace' && !input.value) {
      const last = boxes.filter((b) => b.checked).pop();
      if (last) set(last, false);
    }
  });
  clear?.addEventListener('click', () => { boxes.forEach((b) => { b.checked = false; }); tokens(); input.focus(); });
  tokens();
}
