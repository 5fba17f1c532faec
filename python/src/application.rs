//! The call of an application, and its failures.

use std::sync::{Arc, Mutex};

use drupe::exchange::NoAnswer;
use drupe::wsgi::{self, ApplicationError, Content, Environ};
use pyo3::exceptions::{PyKeyboardInterrupt, PySystemExit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::chunks::{self, PyChunks};
use crate::content_errors;
use crate::environ::EnvironBase;
use crate::file_wrapper::FileWrapper;
use crate::forks::Generation;
use crate::input::{Input, locked};
use crate::start_response::StartResponse;
use crate::turns::attached;

/// The application of a server.
pub(crate) struct PyApplication {
    /// The callable; replaced while the server runs.
    pub(crate) callable: Arc<Mutex<Py<PyAny>>>,
    pub(crate) base: EnvironBase,
    pub(crate) failures: Failures,
}

/// The way of an exception to the log, to the server and to the client.
#[derive(Clone)]
pub(crate) struct Failures {
    /// Called with a `KeyboardInterrupt` or `SystemExit` that an application raises, and the environ.
    pub(crate) interrupt: Arc<Py<PyAny>>,
}

impl wsgi::Application for PyApplication {
    fn call(&self, environ: Environ, start_response: wsgi::StartResponse) -> Result<Content, ApplicationError> {
        attached(|py| self.respond(py, environ, start_response))
            .unwrap_or_else(|| Err("the interpreter has ended".into()))
    }
}

impl PyApplication {
    fn respond(
        &self,
        py: Python<'_>,
        mut environ: Environ,
        start_response: wsgi::StartResponse,
    ) -> Result<Content, ApplicationError> {
        let input = Bound::new(py, Input::new(environ.take_input())).map_err(told)?;
        let dict = self.base.environ(py, &environ, &input).map_err(told)?;
        let start_response = Bound::new(py, StartResponse::new(start_response)).map_err(told)?;
        let callable = locked(&self.callable).clone_ref(py);
        let environ = dict.clone().unbind();
        let generation = Generation::now();
        let request = RequestState { failures: self.failures.clone(), input: input.unbind(), environ, generation };
        let answer = callable.bind(py).call1((dict, &start_response));
        generation.check(py, &answer).map_err(told)?;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => return Err(request.failed(py, error)),
        };
        if let Some(file) = answer.cast_exact::<FileWrapper>().ok().and_then(|wrapper| wrapper.get().file(py)) {
            return Ok(chunks::file_content(file, answer.unbind(), request));
        }
        PyChunks::begun(py, answer, request, start_response.get())
    }
}

/// The parts of a request that its failures need.
pub(crate) struct RequestState {
    failures: Failures,
    input: Py<Input>,
    environ: Py<PyDict>,
    /// The process that called the application.
    pub(crate) generation: Generation,
}

impl RequestState {
    /// Reports an exception that left the application, and returns the error for the client.
    ///
    /// A failed read of content keeps its status. After a `KeyboardInterrupt` or `SystemExit`, which
    /// stop the server, the client gets no answer. Any other exception is printed to `wsgi.errors`
    /// with its traceback.
    pub(crate) fn failed(&self, py: Python<'_>, error: PyErr) -> ApplicationError {
        if content_errors::is_of_client(py, &error) {
            if let Some(failure) = self.input.get().take_failure() {
                return failure.into();
            }
        }
        let is_interrupt = error.is_instance_of::<PyKeyboardInterrupt>(py) || error.is_instance_of::<PySystemExit>(py);
        if is_interrupt {
            if let Err(second) = self.failures.interrupt.bind(py).call1((error.value(py), &self.environ)) {
                self.print(py, &second);
            }
            return NoAnswer.into();
        }
        self.print(py, &error);
        told(error)
    }

    /// Logs that the application has more content than declared.
    pub(crate) fn note_surplus(&self, py: Python<'_>, length: u64, declared: u64) {
        let value = |key| self.environ.bind(py).get_item(key).ok().flatten().and_then(|value| value.extract().ok());
        let [method, target] = ["REQUEST_METHOD", "REQUEST_URI"].map(|key| value(key).unwrap_or_else(String::new));
        log::error!(
            "the application has {length} bytes of content, and declares {declared}: {method} {target:?}; answering 500"
        );
    }

    /// Prints the traceback of `error` to `wsgi.errors`.
    fn print(&self, py: Python<'_>, error: &PyErr) {
        let printed = py.import("traceback").and_then(|traceback| {
            let errors = self.environ.bind(py).get_item(intern!(py, "wsgi.errors"))?;
            let arguments = (error.get_type(py), error.value(py), error.traceback(py), py.None(), errors);
            traceback.call_method1("print_exception", arguments)
        });
        if let Err(second) = printed {
            log::error!("printing a traceback to wsgi.errors failed: {second}; the exception was: {error}");
        }
    }
}

/// Returns `error` as text, for the log. Dropping the result needs no interpreter.
fn told(error: PyErr) -> ApplicationError {
    error.to_string().into()
}
