//! A page as a browser without script reads it: its text and its forms.

use scraper::{ElementRef, Selector};

/// A page.
#[derive(Clone, Debug, Default)]
pub struct Html {
    /// `<title>`.
    pub title: String,
    /// What one can read, in words.
    pub text: String,
    /// Its forms, in order.
    pub forms: Vec<Form>,
    /// Where its links lead, as written.
    pub links: Vec<String>,
    /// What it embeds in frames, as written.
    pub frames: Vec<String>,
}

/// A form.
#[derive(Clone, Debug)]
pub struct Form {
    /// `get` or `post`.
    pub method: String,
    /// Where it leads, as written.
    pub action: String,
    /// What is in it, less the buttons.
    pub fields: Vec<Field>,
    /// Its buttons.
    pub buttons: Vec<Button>,
}

/// A field of a form.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// What is in it.
    pub value: String,
    /// `text`, `password`, `hidden` …
    pub kind: String,
    /// Whether it is sent as it is: false for a checkbox that is not ticked.
    pub sent: bool,
}

/// A button that sends a form.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Button {
    /// What one can read on it.
    pub text: String,
    /// Name and value that it adds, if any.
    pub pair: Option<(String, String)>,
    /// `formaction`, if it has its own.
    pub action: Option<String>,
}

impl Html {
    /// Reads a page.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let html = scraper::Html::parse_document(text);
        assert!(html.errors.is_empty(), "the page is not well-formed: {:?}\n{text}", html.errors);
        let root = html.root_element();
        let attributes = |css: &str, name: &str| {
            root.select(&selector(css)).filter_map(|each| each.attr(name)).map(owned).collect()
        };
        Self {
            title: root.select(&selector("title")).next().map(words).unwrap_or_default(),
            text: root.select(&selector("body")).next().map(words).unwrap_or_default(),
            forms: root.select(&selector("form")).map(Form::read).collect(),
            links: attributes("a[href]", "href"),
            frames: attributes("iframe[src]", "src"),
        }
    }

    /// The form that asks for username and password.
    #[must_use]
    pub fn sign_in_form(&self) -> Option<&Form> {
        self.forms.iter().find(|form| {
            form.action == "/sign-in" && form.fields.iter().any(|field| field.kind == "password")
        })
    }

    /// The form that leads to this path.
    #[must_use]
    pub fn form_to(&self, path: &str) -> Option<&Form> {
        self.forms.iter().find(|form| form.action == path)
    }
}

impl Form {
    fn read(form: ElementRef<'_>) -> Self {
        Self {
            method: form.attr("method").unwrap_or("get").to_ascii_lowercase(),
            action: form.attr("action").map(owned).unwrap_or_default(),
            fields: form.select(&selector("input[name]")).filter_map(Field::read).collect(),
            buttons: form
                .select(&selector("button, input[type=submit]"))
                .filter(|button| button.attr("type").unwrap_or("submit") == "submit")
                .map(Button::read)
                .collect(),
        }
    }

    /// What is in a field.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|field| field.name == name).map(|field| &*field.value)
    }

    /// With `value` in the field `name`, which must be there.
    #[must_use]
    pub fn fill(mut self, name: &str, value: &str) -> Self {
        let field = self.fields.iter_mut().find(|field| field.name == name);
        let field = field.unwrap_or_else(|| panic!("the form has no field {name}"));
        value.clone_into(&mut field.value);
        self
    }

    /// Without the field `name`, as nobody sends it who only uses the page.
    #[must_use]
    pub fn strip(mut self, name: &str) -> Self {
        self.fields.retain(|field| field.name != name);
        self
    }

    /// The button of this value.
    #[must_use]
    pub fn button(&self, value: &str) -> Option<&Button> {
        let named = |button: &&Button| button.pair.as_ref().is_some_and(|pair| pair.1 == value);
        self.buttons.iter().find(named)
    }

    /// What is sent where `button` is pressed.
    #[must_use]
    pub fn pairs(&self, button: Option<&Button>) -> Vec<(String, String)> {
        let fields = self.fields.iter().filter(|field| field.sent);
        let mut pairs: Vec<_> =
            fields.map(|field| (field.name.clone(), field.value.clone())).collect();
        pairs.extend(button.and_then(|button| button.pair.clone()));
        pairs
    }
}

impl Field {
    fn read(input: ElementRef<'_>) -> Option<Self> {
        let kind = input.attr("type").unwrap_or("text").to_ascii_lowercase();
        let ticked = input.attr("checked").is_some() || !matches!(&*kind, "checkbox" | "radio");
        let value = input.attr("value").map(owned).unwrap_or_default();
        let name = owned(input.attr("name")?);
        let sent = ticked && input.attr("disabled").is_none();
        (kind != "submit").then_some(Self { name, value, kind, sent })
    }
}

impl Button {
    fn read(button: ElementRef<'_>) -> Self {
        let value = button.attr("value").unwrap_or_default();
        let text = words(button);
        Self {
            text: if text.is_empty() { owned(value) } else { text },
            pair: button.attr("name").map(|name| (owned(name), owned(value))),
            action: button.attr("formaction").map(owned),
        }
    }
}

fn selector(css: &str) -> Selector {
    Selector::parse(css).expect("a selector")
}

fn words(element: ElementRef<'_>) -> String {
    let text: String = element.text().flat_map(|text| [text, " "]).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn owned(text: &str) -> String {
    text.to_owned()
}
