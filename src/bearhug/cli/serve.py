"""`bearhug serve` and `bearhug chat`: a model over HTTP, and in the terminal."""

from pathlib import Path
from typing import Annotated, Any

import typer


def serve(
    model: Annotated[str, typer.Argument(help="A folder, a name, or a .gguf file.")] = "bearhug/storyteller",
    host: Annotated[str, typer.Option(help="The address to listen at; 0.0.0.0 lets other machines in.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port.")] = 8000,
    dtype: Annotated[str, typer.Option(help="The weights' type, such as bfloat16.")] = "auto",
    device: Annotated[str, typer.Option(help="cpu, cuda, auto.")] = "auto",
    rows: Annotated[int, typer.Option(help="Rows that are decoded together.")] = 16,
    waiting: Annotated[int, typer.Option(help="Requests that may wait.")] = 256,
    cache_tokens: Annotated[int, typer.Option(help="Tokens whose keys and values have room in memory.")] = 16384,
) -> None:
    """Answer OpenAI's API with a model: chat and text completions, streamed or whole, by continuous batching."""
    try:
        import uvicorn

        from bearhug.serving.app import create_app
    except ModuleNotFoundError as error:
        typer.echo(
            f"serve needs {error.name}, which is not installed. Install it: pip install 'bearhug[hub]'", err=True
        )
        raise typer.Exit(1) from None
    from bearhug.serving.engine import Engine

    loaded, tokenizer = _loaded(model, dtype, device)
    engine = Engine(loaded, tokenizer, max_rows=rows, max_waiting=waiting, cache_tokens=cache_tokens)
    typer.echo(f"{model} answers at http://{host}:{port}/v1")
    uvicorn.run(create_app(engine, model), host=host, port=port, log_level="warning")


def chat(
    model: Annotated[str, typer.Argument(help="A folder, a name, or a .gguf file.")] = "bearhug/storyteller",
    system: Annotated[str, typer.Option(help="What the model is told first.")] = "",
    max_new_tokens: Annotated[int, typer.Option(help="Tokens of an answer at the most.")] = 256,
    temperature: Annotated[float, typer.Option(help="0 always takes the likeliest token.")] = 0.7,
    seed: Annotated[int | None, typer.Option(help="The same seed gives the same answers.")] = None,
    dtype: Annotated[str, typer.Option(help="The weights' type, such as bfloat16.")] = "auto",
    device: Annotated[str, typer.Option(help="cpu, cuda, auto.")] = "auto",
) -> None:
    """Talk with a model; a model without a chat template goes on with your text. An empty line or Ctrl-D ends it."""
    from bearhug.serving.engine import Engine
    from bearhug.tokenizers.stream import TextPieces

    loaded, tokenizer = _loaded(model, dtype, device)
    options: dict[str, Any] = {"max_new_tokens": max_new_tokens, "seed": seed, "do_sample": temperature > 0}
    options |= {"temperature": temperature} if temperature > 0 else dict.fromkeys(("temperature", "top_k", "top_p"))
    messages = [{"role": "system", "content": system}] if system else []
    with Engine(loaded, tokenizer) as engine:
        while True:
            try:
                said = input("> ")
            except EOFError:
                said = ""
            if not said.strip():
                return
            if tokenizer.chat_template:
                messages.append({"role": "user", "content": said})
                ids = tokenizer.apply_chat_template(
                    messages, add_generation_prompt=True, return_dict=True, return_tensors="pt"
                )["input_ids"]
            else:
                ids = tokenizer(said, return_tensors="pt")["input_ids"]
            try:
                request = engine.submit(ids, **options)
                pieces, answer = TextPieces(tokenizer, ids[0, -8:].tolist(), skip_special_tokens=True), ""
                for tokens in request:
                    piece = pieces.piece([int(tokens[0])])
                    answer += piece
                    typer.echo(piece, nl=False)
            except ValueError as error:
                typer.echo(str(error), err=True)
                continue
            typer.echo(rest := pieces.rest())
            messages.append({"role": "assistant", "content": answer + rest})


def _loaded(model: str, dtype: str, device: str) -> tuple[Any, Any]:
    from bearhug import AutoModelForCausalLM, AutoTokenizer

    path, place = Path(model), {}
    if path.suffix == ".gguf" and path.is_file():
        model, place = str(path.parent), {"gguf_file": path.name}
    try:
        return (
            AutoModelForCausalLM.from_pretrained(model, dtype=dtype, device_map=device, **place),
            AutoTokenizer.from_pretrained(model, **place),
        )
    except (OSError, ValueError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
