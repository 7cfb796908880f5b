// Tooltips, and nothing else. Whatever carries data-tip shows it beside the pointer.
(function () {
  "use strict";
  var tip = document.getElementById("tip");
  // A title of a chart would show up as a second tooltip: keep it as a label.
  document.querySelectorAll("svg > title").forEach(function (title) {
    var chart = title.parentNode;
    var desc = chart.querySelector("desc");
    chart.setAttribute("aria-label", title.textContent + ". " + (desc ? desc.textContent : ""));
    chart.removeAttribute("aria-labelledby");
    title.remove();
  });
  function hide() {
    tip.hidden = true;
  }
  document.addEventListener("pointermove", function (event) {
    var on = event.target.closest ? event.target.closest("[data-tip]") : null;
    if (!on) {
      hide();
      return;
    }
    tip.textContent = on.getAttribute("data-tip");
    tip.hidden = false;
    var box = tip.getBoundingClientRect();
    var room = document.documentElement.clientWidth - box.width - 8;
    var left = Math.max(8, Math.min(event.clientX + 14, room));
    var top = event.clientY - box.height - 14;
    tip.style.left = left + "px";
    tip.style.top = (top > 8 ? top : event.clientY + 18) + "px";
  });
  document.addEventListener("pointerleave", hide);
  document.addEventListener("scroll", hide, true);
})();
