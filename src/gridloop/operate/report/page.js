// Draws every plot of the page and says on <body> how many there are, how many were drawn, and what failed.
(() => {
  "use strict";
  const mark = document.body.dataset;
  const plots = [...document.querySelectorAll(".plot")];
  const errors = [];
  // Named one by one: the default bar has a button that sends the chart to a cloud.
  const buttons = ["toImage", "zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"];
  const config = { responsive: true, displaylogo: false, modeBarButtons: [buttons] };

  function failed(where, error) {
    errors.push(`${where}: ${error && error.message ? error.message : error}`);
    mark.errors = JSON.stringify(errors);
  }

  window.addEventListener("error", (event) => failed("page", event.error || event.message));
  window.addEventListener("unhandledrejection", (event) => failed("page", event.reason));

  async function draw(plot) {
    try {
      const spec = JSON.parse(document.getElementById(`${plot.id}-spec`).textContent);
      await Plotly.newPlot(plot, spec.data, spec.layout, config);
      if (showsDay(plot)) {
        plot.wholeDay = [...plot.layout.xaxis.range];
        plot.on("plotly_relayout", (change) => follow(plot, change));
      }
      mark.drawn = String(Number(mark.drawn) + 1);
    } catch (error) {
      failed(plot.id, error);
      console.error(plot.id, error);
      plot.textContent = `This plot could not be drawn: ${error.message}`;
    }
  }

  // Plots that show the day zoom together.
  const showsDay = (plot) => plot.layout && plot.layout.xaxis && plot.layout.xaxis.type === "date";
  let following = false;
  async function follow(from, change) {
    const zoomed = Object.keys(change).some((key) => key.startsWith("xaxis"));
    if (following || !zoomed) return;
    following = true;
    const range = change["xaxis.autorange"] ? from.wholeDay : from.layout.xaxis.range;
    const others = plots.filter((plot) => showsDay(plot) && (plot !== from || change["xaxis.autorange"]));
    await Promise.all(others.map((plot) => Plotly.relayout(plot, { "xaxis.range": [...range] })));
    following = false;
  }

  function filter(id) {
    const text = document.querySelector(`[data-filter="${id}"]`).value.trim().toLowerCase();
    const reason = document.querySelector(`[data-reason="${id}"]`).value;
    const rows = [...document.getElementById(id).querySelectorAll("tbody tr")];
    let shown = 0;
    for (const row of rows) {
      const code = row.querySelector("[data-code]").dataset.code;
      row.hidden = (reason && code !== reason) || !row.textContent.toLowerCase().includes(text);
      shown += row.hidden ? 0 : 1;
    }
    document.querySelector(`[data-hits="${id}"]`).textContent = `${shown} of ${rows.length} rows`;
  }

  for (const input of document.querySelectorAll("[data-filter]")) {
    const id = input.dataset.filter;
    input.addEventListener("input", () => filter(id));
    document.querySelector(`[data-reason="${id}"]`).addEventListener("change", () => filter(id));
    filter(id);
  }

  // Paper is narrower than the window: every plot takes the width it has there.
  const fit = () => plots.forEach((plot) => plot.layout && Plotly.Plots.resize(plot));
  window.addEventListener("beforeprint", fit);
  window.addEventListener("afterprint", fit);

  mark.plots = String(plots.length);
  mark.drawn = "0";
  (async () => {
    for (const plot of plots) await draw(plot);
    mark.ready = "yes";
  })();
})();
