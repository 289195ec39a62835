"""The peer of growth.mjs: GRPO steps of any size on TRL, transformers and PEFT.

A model of random weights of a published shape, a tokenizer of one token a character, completions forced to full length; the
same as `reckon bench grpo` does: LoRA of rank 16 on queries and values (tiny-dense: every weight), KL 0.04, temperature 1.
Ends with a line of JSON: seconds a step (the median of those timed, after one that is not) and the process's peak memory.
"""
import argparse
import json
import os
import resource
import statistics
import tempfile
import time

os.environ.setdefault("HF_HUB_OFFLINE", "1")


def llama(width, layers, heads, kv_heads, inner, vocabulary):
    return "LlamaConfig", dict(
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        intermediate_size=inner,
        vocab_size=vocabulary,
    )


SHAPES = {
    "tiny-dense": (*llama(128, 2, 4, 4, 512, 64), 0),
    "smol-135m-lora": (*llama(576, 30, 9, 3, 1536, 49152), 16),
    "smol-360m-lora": (*llama(960, 32, 15, 5, 2560, 49152), 16),
    "granite-moe-1b-lora": (
        "GraniteMoeConfig",
        llama(1024, 24, 16, 8, 512, 49155)[1]
        | dict(
            num_local_experts=32,
            num_experts_per_tok=8,
            embedding_multiplier=12.0,
            logits_scaling=6.0,
            residual_multiplier=0.22,
            attention_multiplier=0.015625,
        ),
        16,
    ),
}


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", choices=SHAPES, required=True)
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    for size, usual in dict(prompts=1, group=8, prompt_tokens=96, completion_tokens=64, steps=1, threads=2).items():
        parser.add_argument("--" + size.replace("_", "-"), type=int, default=usual)
    return parser.parse_args()


def one_token_a_character(vocabulary):
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    special = ["<pad>", "<eos>", "<unk>"]
    characters = [chr(0x4E00 + i) if i < 1000 else f"<{i}>" for i in range(vocabulary - len(special))]
    words = special + characters
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer.decoder = decoders.Fuse()
    names = dict(zip(["pad_token", "eos_token", "unk_token"], special))
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names)


def main():
    asked = arguments()
    import torch
    import transformers
    from datasets import Dataset
    from peft import LoraConfig
    from trl import GRPOConfig, GRPOTrainer

    torch.set_num_threads(asked.threads)
    torch.manual_seed(0)
    kind, shape, rank = SHAPES[asked.model]
    positions = max(2048, asked.prompt_tokens + asked.completion_tokens)
    config = getattr(transformers, kind)(
        **shape, tie_word_embeddings=True, max_position_embeddings=positions, pad_token_id=0, eos_token_id=1, bos_token_id=1
    )
    place = tempfile.mkdtemp()
    dtype = getattr(torch, asked.dtype)
    transformers.AutoModelForCausalLM.from_config(config, dtype=dtype).save_pretrained(place)
    tokenizer = one_token_a_character(shape["vocab_size"])
    tokenizer.save_pretrained(place)
    prompt = "".join(chr(0x4E00 + i % 40) for i in range(asked.prompt_tokens))
    data = Dataset.from_list([{"prompt": prompt}] * (asked.prompts * (asked.steps + 2)))

    began = []

    class Clock(transformers.TrainerCallback):
        def on_step_begin(self, *_, **__):
            began.append(time.perf_counter())

        def on_step_end(self, *_, **__):
            began[-1] = time.perf_counter() - began[-1]

    trainer = GRPOTrainer(
        model=place,
        reward_funcs=lambda completions, **_: [float(sum(map(ord, text)) % 7) / 7 for text in completions],
        args=GRPOConfig(
            output_dir=tempfile.mkdtemp(),
            per_device_train_batch_size=asked.prompts * asked.group,
            num_generations=asked.group,
            max_completion_length=asked.completion_tokens,
            generation_kwargs=dict(min_new_tokens=asked.completion_tokens),
            max_steps=asked.steps + 1,
            learning_rate=1e-5,
            beta=0.04,
            temperature=1.0,
            use_cpu=True,
            bf16=False,
            gradient_checkpointing=False,
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
            model_init_kwargs=dict(dtype=asked.dtype),
        ),
        train_dataset=data,
        processing_class=tokenizer,
        peft_config=LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")
        if rank
        else None,
        callbacks=[Clock()],
    )
    trainer.train()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps(dict(seconds_per_step=statistics.median(began[1:]), peak_rss_mb=peak)))


main()
