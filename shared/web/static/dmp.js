// Everything works without this file: it renews sessions, puts parts in the place of links, and moves the focus.
(function () {
  "use strict";
  var renew = function (url) {
    return fetch(url, { credentials: "same-origin", cache: "no-store" });
  };

  // A page that was read late in the life of its token renews it; so does a file that is chosen, before it is sent.
  var late = document.body.dataset.renew;
  if (late) renew(late).catch(function () {});
  document.querySelectorAll("input[data-renews]").forEach(function (input) {
    input.addEventListener("change", function () {
      renew("/session/renew").catch(function () {});
    });
  });

  // A form that came too late is sent again once the session is renewed.
  document.querySelectorAll("form[data-resend]").forEach(function (form) {
    renew("/session/renew").then(function (answer) {
      if (answer.ok) form.submit();
    }, function () {});
  });

  // A link to a part becomes the part, and says so to screen readers. It stays a link where the part cannot be had.
  document.querySelectorAll("a[data-into]").forEach(function (link) {
    var place = link.parentElement;
    place.setAttribute("aria-live", "polite");
    place.setAttribute("aria-busy", "true");
    fetch(link.href, { credentials: "same-origin", headers: { "X-Part": "1" }, redirect: "error" })
      .then(function (answer) {
        if (!answer.ok) throw new Error();
        return answer.text();
      })
      .then(function (html) {
        var parsed = new DOMParser().parseFromString(html, "text/html");
        place.replaceChildren.apply(place, Array.from(parsed.body.childNodes));
      })
      .catch(function () {})
      .finally(function () {
        place.removeAttribute("aria-busy");
      });
  });

  var focused = document.querySelector("[data-focus]");
  if (focused) focused.focus();
})();
