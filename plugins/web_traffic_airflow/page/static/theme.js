// Follows the theme of Airflow's UI, which keeps it in the local storage of this origin. Loaded before the page shows.
"use strict";

(() => {
  const system = matchMedia("(prefers-color-scheme: dark)");

  function apply() {
    const chosen = localStorage.getItem("theme");
    const theme = chosen === "light" || chosen === "dark" ? chosen : system.matches ? "dark" : "light";
    if (document.documentElement.dataset.theme !== theme) {
      document.documentElement.dataset.theme = theme;
      dispatchEvent(new Event("themechange"));
    }
  }

  apply();
  addEventListener("storage", apply);
  system.addEventListener("change", apply);
})();
