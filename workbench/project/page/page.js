// Draws what the page carries; nothing is fetched. Widths follow the window, and the paper when printing.
const figures = JSON.parse(document.getElementById("figures").textContent);
const drawn = Object.entries(figures).map(([id, figure]) => {
  const place = document.getElementById(id);
  Plotly.newPlot(place, figure.data, figure.layout, { displayModeBar: false, responsive: true });
  return place;
});
const fit = () => drawn.forEach((place) => Plotly.Plots.resize(place));
window.addEventListener("beforeprint", fit);
window.addEventListener("afterprint", fit);
