"""The frame of the pages: what every service needs to show HTML to people.

How a service gets pages:

- `pages = Pages("consent", ["choices"])`: one environment of templates, of `services/consent/choices/templates/*.html`
  (named `choices/access.html`), with the words in `templates/texts.toml` beside them.
- `app = make_app(..., render=pages.errors(render))`, then `pages.install(app)` and `app.include_router(...)` as for an
  API. `install` also serves `/static`, so that any service can be the one to which the front routes it.
- `router = page_router()` in the room's `pages.py`: routes outside OpenAPI. An endpoint with the parameter
  `caller: AuthenticatedCaller` needs a browser session; one without it is open to all. It returns
  `pages_of(request).page(request, "choices/access.html", ...)`, or `see_other("/own/path")` after a POST.

What the frame does before the endpoint (`doors.PageDoor`): refuses prefetches; refuses POSTs of other origins; takes
the token from the cookies (`session`) and carries it as a Bearer token, so that use cases see the caller that they
know. Without a valid token a GET goes to `/session/continue?to=<own path>`; a POST is answered by a page of the same
service that holds its fields, renews by `/session/renew`, and sends them again.

What the frame expects of identity:

- cookies `__Host-access` (Path=/), `__Secure-acting` (Path=/dossier/{id} or /soins/dossier/{id}; an access token for
  that record, with the `sid` of its own), both HttpOnly, Secure, SameSite=Lax, access tokens as of the APIs; and
  `__Secure-holder` (same Path as acting, for one's own record too; HttpOnly): `session.holder_cookie(...)`, the name
  that the header of a record's pages shows. It is display only; no decision looks at it.
- `GET /session/continue?to=`: renews, or asks to sign in, and goes to `to` (`paths.own_path`). `GET /session/renew`:
  204 with new cookies, or 401. `POST /session/end`: signs out. `GET /connexion?to=`.

In templates: `t(key, name=value)` (the key: table and name in `texts.toml`), `day(date)`, `moment(datetime)`,
`number(x)`, `file_size(n)`, `frame` (language, path, record_id, holder). `{% extends "layout.html" %}` has the blocks
`heading`, `title` (unique, without names; else the heading), `main`, and `before` (a way back, above the heading).
Macros are in `macros.html` (import them `with context`). `<a data-into href="...">` is replaced by the heading and main
content of that page where scripts run (`frame.is_part`). The language is the cookie `lang`, which `?lang=en` on any
page sets, else Accept-Language, else French.

Forms: `read_form(request)`, `Form.text("field")`, `FieldErrors`; a one-time id (`new_form_id()`, the hidden field
`form-id`, `Form.id`) becomes the id of what the form makes, so that a form that is sent twice makes it once.
"""
