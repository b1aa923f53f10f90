// Hands each plot's description to ECharts when its place is first seen, and
// again when the colours of the page change. Descriptions are data: texts are
// drawn as they are, colours are the names of the page's variables.
(() => {
  const colour = v => getComputedStyle(document.documentElement).getPropertyValue(v).trim();
  const painted = (v, key) => Array.isArray(v) ? v.map(x => painted(x))
    : v && typeof v === "object" ? Object.fromEntries(Object.entries(v).map(([k, x]) => [k, painted(x, k)]))
    : /^(color|borderColor)$/.test(key) && /^--c\d$/.test(v) ? colour(v) : v;

  function option(description) {
    const o = painted(description);
    for (const [axis, place] of [[o.xAxis, "middle"], [o.yAxis, "end"]]) {
      const at = axis.axisLabel.customValues, texts = axis.texts;
      if (at) axis.axisLabel.formatter = v => texts[at.reduce((best, x, i) => Math.abs(x - v) < Math.abs(at[best] - v) ? i : best, 0)];
      axis.splitLine.customValues = at;
      Object.assign(axis, {nameLocation: place, nameGap: place === "middle" ? 24 : 10});
    }
    o.yAxis.nameTextStyle.align = "left";
    for (const s of o.series) {
      if (s.label) s.label.formatter = p => p.data.text || "";
      for (const l of s.markLine?.data || []) l.label = {show: !!l.text, formatter: () => l.text || ""};
    }
    const top = o.yAxis.name ? 30 : o.series.some(s => s.markLine) ? 22 : 8;
    o.grid = {left: 2, right: 18, top, bottom: o.xAxis.name ? 26 : 4, outerBoundsMode: "same", outerBoundsContain: "axisLabel"};
    o.textStyle = {fontFamily: 'Arial, "Liberation Sans", Helvetica, Roboto, sans-serif'};
    o.tooltip = {
      confine: true, backgroundColor: colour("--panel"), borderColor: colour("--c1"), textStyle: {color: colour("--ink"), fontSize: 12},
      extraCssText: "white-space:normal;max-width:20rem", formatter: p => echarts.format.encodeHTML(p.name || p.data?.name || ""),
    };
    return o;
  }

  const plots = new Map();
  const seen = new ResizeObserver(entries => {
    for (const {target: place, contentRect: r} of entries) {
      if (!r.width) continue;
      const known = plots.get(place);
      if (known) { known.chart.resize(); continue; }
      const description = JSON.parse(place.querySelector("script").textContent);
      const chart = echarts.init(place, null, {renderer: "svg"});
      chart.setOption(option(description));
      chart.on("click", p => {
        const to = p.data?.link && new URL(p.data.link, location.href);
        if (to && /^(https?|file):$/.test(to.protocol)) location.href = to.href;
      });
      plots.set(place, {chart, description});
    }
  });
  for (const place of document.querySelectorAll(".chart")) seen.observe(place);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    for (const {chart, description} of plots.values()) chart.setOption(option(description), true);
  });
})();
