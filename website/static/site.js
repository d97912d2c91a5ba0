// The site's theme, said where figures and widgets look for JupyterLab's; and paper, which is always light.

const html = document.documentElement;
const tell = () => { document.body.dataset.jpThemeLight = String(html.dataset.theme !== "dark"); };

document.addEventListener("DOMContentLoaded", () => {
  tell();
  new MutationObserver(tell).observe(html, { attributes: true, attributeFilter: ["data-theme"] });
});

let before;
window.addEventListener("beforeprint", () => { before = html.dataset.theme; html.dataset.theme = "light"; });
window.addEventListener("afterprint", () => { html.dataset.theme = before; });
