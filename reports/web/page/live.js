'use strict';
// Adds the lines of a job as the hub sends them. Without it the page asks for
// itself again every few seconds.
(() => {
  const lines = document.getElementById('lines');
  if (!lines || !lines.dataset.events) return;
  const events = new EventSource(lines.dataset.events);
  events.onmessage = (e) => {
    const line = JSON.parse(e.data);
    const item = document.createElement('li');
    const at = document.createElement('span');
    at.className = 'at';
    at.textContent = line.at;
    item.append(at, ' ' + line.text);
    lines.append(item);
    document.getElementById('silent')?.remove();
    document.getElementById('step').textContent = line.text;
    document.getElementById('done').value = line.percent;
    document.getElementById('percent').textContent = line.percent + ' %';
  };
  events.addEventListener('end', () => { events.close(); location.reload(); });
})();
